package hosts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// ways are the files of the product that make something which can leave this machine, with what makes it. Each is behind
// one of the doors above, or says why it needs none.
func ways() map[string]string {
	return map[string]string{
		"internal/httpx/httpx.go":         "http.Client http.Transport",           // what every door stands on
		"internal/httpx/gate.go":          "net.Dialer",                           // likewise
		"vendors/prober.go":               "httpx.NewClient",                      // the vendor's smoke call
		"cmd/quarterturn/wire.go":         "vendors.NewProber",                    // likewise
		"cmd/quarterturn/cmd_identify.go": "vendors.NewProber",                    // likewise
		"cmd/quarterturn/kinds.go":        "httpx.NewClient",                      // a consumer's proof, a webhook, Slack
		"cmd/quarterturn/cmd_demo.go":     "httpx.NewClient",                      // the demo's own loopback
		"notify/email/email.go":           "mail.NewClient net.Dialer tls.Dialer", // mail
	}
}

// TestEveryWayOutIsAttacked fails when one comes that nobody attacks, or goes.
func TestEveryWayOutIsAttacked(t *testing.T) {
	found := map[string]string{}
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel("../..", name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == "test" || rel == "internal/sim" || rel == "docs" || strings.HasPrefix(d.Name(), ".") && rel != "."):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		if makes := makers(t, name); makes != "" {
			found[filepath.ToSlash(rel)] = makes
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := ways(); !maps.Equal(found, want) {
		t.Errorf("the ways out are\n%v\nand those that are attacked\n%v", found, want)
	}
}

// makers are what a file uses of what can leave this machine, sorted, once each.
func makers(t *testing.T, name string) string {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr: // a pointer to one is given, not made
			if _, is := n.X.(*ast.SelectorExpr); is {
				return false
			}
		case *ast.Field: // nor is a field's or a parameter's type
			return false
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && leaves(x.Name+"."+n.Sel.Name) {
				used[x.Name+"."+n.Sel.Name] = true
			}
		}
		return true
	})
	return strings.Join(sorted(used), " ")
}

func leaves(what string) bool {
	switch what {
	case "http.Client", "http.Transport", "http.DefaultClient", "http.DefaultTransport", "http.Get", "http.Head", "http.Post", "http.PostForm",
		"net.Dial", "net.DialTimeout", "net.DialTCP", "net.DialUDP", "net.DialIP", "net.Dialer", "tls.Dial", "tls.DialWithDialer", "tls.Dialer", "tls.Client",
		"smtp.Dial", "smtp.SendMail", "mail.NewClient", "httpx.NewClient", "vendors.NewProber", "rpc.Dial", "websocket.Dial", "net.LookupHost":
		return true
	}
	return false
}
