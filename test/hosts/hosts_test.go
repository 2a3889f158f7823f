package hosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/internal/httpx"
)

// attack is one case: what is listed, what listens, and what may happen at the most.
type attack struct {
	group, name string
	base        string              // %s stands for the listed host's port
	leads       map[string][]string // names; nil: the usual ones
	answer      http.HandlerFunc    // of the listed host
	server      *tls.Config         // in the listed host's place; nil: the good one
	plain       bool                // it speaks no TLS
	calls       int                 // 0: one
	mayReach    bool                // the listed host is asked; otherwise nothing of the request arrives anywhere
	same        bool                // it is the listed host, written in another way: it may be asked, or not
	dials       []string            // it may be dialled there as well; %s stands for the port
}

// field is where attacks happen: the listed host, and ears wherever a wrong turn would lead.
type field struct {
	t       testing.TB
	ca      *authority
	caFile  string
	names   *names
	good    *ear            // https://vendor.example
	evil    map[string]*ear // https and http elsewhere, with certificates that are good for what they are
	dialled []string
	mu      sync.Mutex
	dir     string
}

func newField(t testing.TB) *field {
	t.Helper()
	f := &field{t: t, ca: newAuthority(t, root("the authority"), nil), names: &names{}, evil: map[string]*ear{}, dir: t.TempDir()}
	f.caFile = f.ca.file()
	was := net.DefaultResolver
	net.DefaultResolver = f.names.serve(t)
	t.Cleanup(func() { net.DefaultResolver = was })
	f.good = listen(t, listedIP, serving(f.ca.good(listed, listedIP)))
	f.evil["tls"] = listen(t, evilIP, serving(f.ca.good("evil.example", evilIP)))
	f.evil["plain"] = listen(t, evilIP, nil)
	f.evil["port"] = listen(t, listedIP, serving(f.ca.good(listed, listedIP)))
	f.evil["clear"] = listen(t, listedIP, nil)
	f.evil["proxy"] = listen(t, evilIP, nil)
	return f
}

func usual() map[string][]string {
	return map[string][]string{listed + ".": {listedIP}, "evil.example.": {evilIP}, "a." + listed + ".": {evilIP}}
}

// strike lets a door meet an attack, and says what went wrong; "" when nothing did.
func (f *field) strike(d door, a attack, below http.RoundTripper) string {
	target := f.prepare(a)
	o := httpx.Options{CAFile: f.caFile, Timeout: 5 * time.Second, Below: below}
	var err error
	for range max(a.calls, 1) {
		err = d.ask(f.traced(), strings.ReplaceAll(a.base, "%s", target.port()), o, f.dir)
	}
	return f.verdict(a, target, err)
}

// prepare sets the ears and names, and returns the one that stands where the listed host should.
func (f *field) prepare(a attack) *ear {
	for _, e := range f.evil {
		e.reset(nil)
	}
	f.good.reset(a.answer)
	f.mu.Lock()
	f.dialled = nil
	f.mu.Unlock()
	leads := a.leads
	if leads == nil {
		leads = usual()
	}
	f.names.reset(leads)
	if a.server == nil && !a.plain {
		return f.good
	}
	e := listen(f.t, listedIP, a.server)
	e.reset(a.answer)
	return e
}

func (f *field) traced() context.Context {
	return httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{ConnectStart: func(_, addr string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.dialled = append(f.dialled, addr)
	}})
}

// verdict is what the ears, the resolver and the dialler say.
func (f *field) verdict(a attack, target *ear, err error) string {
	if target != f.good {
		defer target.close()
	}
	for name, e := range f.evil {
		conns, asked, heard := e.was()
		if a.group == "rebinding" && asked == 0 && leaks(heard) == "" {
			continue // the listed name led there: somebody was there, and was not believed
		}
		if conns > 0 {
			return fmt.Sprintf("%d connections off the list (%s), secrets in them: %q", conns, name, leaks(heard))
		}
	}
	f.mu.Lock()
	dialled := slices.Clone(f.dialled)
	f.mu.Unlock()
	for _, addr := range dialled {
		if addr != target.addr && addr != f.names.addr && !slices.Contains(rebound(a), addr) && !slices.Contains(a.dials, strings.ReplaceAll(addr, target.port(), "%s")) {
			return "it dialled " + addr
		}
	}
	for name, n := range f.names.lookups() {
		if _, on := map[string]bool{listed + ".": true}[name]; !on && a.group != "spellings" || n > max(a.calls, 1) {
			return fmt.Sprintf("it looked up %s %d times", name, n)
		}
	}
	_, asked, heard := target.was()
	switch {
	case a.same:
		return ""
	case a.mayReach && asked == 0:
		return fmt.Sprintf("the listed host was not asked: %v", err)
	case a.mayReach && asked > max(a.calls, 1):
		return fmt.Sprintf("the listed host was asked %d times", asked)
	case !a.mayReach && (asked > 0 || leaks(heard) != ""):
		return fmt.Sprintf("a server that must not be believed was asked, and heard %q", leaks(heard))
	case !a.mayReach && err == nil:
		return "it succeeded"
	}
	return ""
}

// rebound are addresses that the listed name led to in this case: they may be dialled, and must hear nothing.
func rebound(a attack) []string {
	if a.group != "rebinding" {
		return nil
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(a.base, "https://"))
	var all []string
	for _, ip := range a.leads[listed+"."] {
		all = append(all, net.JoinHostPort(ip, port))
	}
	return all
}

// TestHosts: no credential is sent, and nothing is connected to, but what is listed.
func TestHosts(t *testing.T) {
	f := newField(t)
	cases, groups := 0, map[string]int{}
	for _, a := range attacks(f) {
		for _, d := range doors() {
			cases++
			groups[a.group]++
			if wrong := f.strike(d, a, nil); wrong != "" {
				t.Errorf("%s: %s, %s: %s", d.name, a.group, a.name, wrong)
			}
		}
	}
	n := f.mail(t)
	groups["mail"], cases = n, cases+n
	n = f.environments(t)
	groups["proxies of the environment"], cases = n, cases+n
	for _, g := range []string{"redirects", "headers", "certificates", "spellings", "rebinding", "proxies of the environment", "mail"} {
		t.Logf("%-28s %4d cases", g, groups[g])
	}
	t.Logf("%-28s %4d cases over %d ways out; failed: %v", "all", cases, len(doors())+1, t.Failed())
	if cases < 300 {
		t.Errorf("only %d cases", cases)
	}
}

// TestHostsFindsPlantedMistakes: each mistake below the gate is seen by one of the attacks.
func TestHostsFindsPlantedMistakes(t *testing.T) {
	f := newField(t)
	t.Setenv("HTTP_PROXY", "http://"+f.evil["proxy"].addr)
	all := attacks(f)
	for _, m := range mistakes() {
		found := ""
		for _, a := range all {
			below := m.below(t, f.caFile, f.transport())
			if wrong := f.strike(doors()[2], a, below); wrong != "" {
				found = a.group + ", " + a.name + ": " + wrong
				break
			}
		}
		if found == "" {
			t.Errorf("nobody finds the planted mistake %q", m.name)
			continue
		}
		t.Logf("%-45s found by %s", m.name, found)
	}
}

// transport is one as the product's, to be spoilt.
func (f *field) transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(f.ca.cert)
	return &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, DisableKeepAlives: true}
}

// chainOnly believes every certificate that the authority signed, whoever it is for.
func chainOnly(_ testing.TB, _ string, tr *http.Transport) http.RoundTripper {
	roots := tr.TLSClientConfig.RootCAs
	tr.TLSClientConfig.InsecureSkipVerify = true
	tr.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
		return err
	}
	return tr
}

// twice looks whether a name leads to a good address, and then lets it be looked up again.
type twice struct{ http.RoundTripper }

func (l twice) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := net.DefaultResolver.LookupHost(req.Context(), req.URL.Hostname()); err != nil {
		return nil, errors.New("unknown")
	}
	return l.RoundTripper.RoundTrip(req)
}

// environments runs the doors in processes of their own, for a proxy is read from the environment once.
func (f *field) environments(t *testing.T) int {
	if os.Getenv("QUARTERTURN_HOSTS_CHILD") != "" {
		return 0
	}
	n := 0
	for _, names := range [][]string{{"HTTP_PROXY"}, {"http_proxy"}, {"ALL_PROXY", "all_proxy"}, {"HTTPS_PROXY"}, {"HTTPS_PROXY", "NO_PROXY"},
		{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}} {
		n += len(doors()) * 2
		e := listen(t, evilIP, nil)
		e.reset(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		cmd := exec.Command(os.Args[0], "-test.run", "^TestHostsChild$", "-test.count=1")
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.Contains(strings.ToUpper(s), "PROXY") }), "QUARTERTURN_HOSTS_CHILD=1")
		for _, name := range names {
			cmd.Env = append(cmd.Env, name+"="+map[bool]string{true: "vendor.example", false: "http://me:" + "pass@" + e.addr}[name == "NO_PROXY"])
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("with %v: %v\n%s", names, err, out)
		}
		conns, _, heard := e.was()
		wanted := slices.Contains(names, "HTTPS_PROXY") && !slices.Contains(names, "NO_PROXY")
		if leaks(heard) != "" || (conns > 0) != wanted || conns > 0 && strings.Contains(heard, "GET ") {
			t.Errorf("with %v: the proxy had %d connections and heard %q", names, conns, leaks(heard))
		}
	}
	return n
}

// TestHostsChild is one process of environments: https to the listed name, and plain http to this machine.
func TestHostsChild(t *testing.T) {
	if os.Getenv("QUARTERTURN_HOSTS_CHILD") == "" {
		t.Skip("run by TestHosts, in a process of its own")
	}
	f := newField(t)
	f.names.reset(usual())
	for _, d := range doors() {
		_ = d.ask(f.traced(), "https://"+listed+":"+f.good.port(), httpx.Options{CAFile: f.caFile, Timeout: 5 * time.Second}, f.dir)
		f.evil["clear"].reset(nil)
		_ = d.ask(f.traced(), "http://127.0.0.1:"+f.evil["clear"].port(), httpx.Options{Timeout: 5 * time.Second}, f.dir)
		if _, asked, _ := f.evil["clear"].was(); asked != 1 {
			t.Errorf("%s: this machine was asked %d times without a proxy between", d.name, asked)
		}
	}
}
