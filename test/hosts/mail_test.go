package hosts

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"quarterturn/notify/email"
)

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// mail: the way out that speaks SMTP believes no certificate that the others don't, and hands nothing over in the clear.
func (f *field) mail(t *testing.T) int {
	password := filepath.Join(f.dir, "password")
	if err := os.WriteFile(password, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range badServers(t, f.ca) {
		for _, way := range []string{"implicit", "starttls"} {
			n++
			f.names.reset(usual())
			f.post(t, s.name+", "+way, s.config, way, password)
		}
	}
	return n
}

func (f *field) post(t *testing.T, name string, config *tls.Config, way, password string) {
	e := listen(t, listedIP, config)
	if way == "starttls" {
		e.close()
		e = offer(t, config)
	}
	defer e.close()
	port, err := strconv.Atoi(e.port())
	if err != nil {
		t.Fatal(err)
	}
	to, err := email.New(email.Config{From: "qt@acme.example"}, email.Connection{Host: listed, Port: port, User: "me", PasswordFile: password, TLS: way, CAFile: f.caFile})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := patience(t)
	defer cancel()
	err = to.Send(ctx, message())
	if _, asked, heard := e.was(); err == nil || asked > 0 || leaks(heard) != "" {
		t.Errorf("mail: %s: %v, heard %q", name, err, leaks(heard))
	}
}

// patience: a server that says nothing is not waited for.
func patience(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 500*time.Millisecond)
}

// offer is a mail server that begins in the clear and offers STARTTLS, unless it has nothing to offer.
func offer(t *testing.T, config *tls.Config) *ear {
	l, err := net.Listen("tcp", net.JoinHostPort(listedIP, "0"))
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{addr: l.Addr().String(), close: func() { _ = l.Close() }}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go e.smtp(c, config)
		}
	}()
	return e
}

func (e *ear) smtp(c net.Conn, config *tls.Config) {
	defer c.Close()
	fmt.Fprint(c, "220 mail\r\n")
	lines := bufio.NewScanner(io.TeeReader(c, e))
	for lines.Scan() {
		switch verb := strings.ToUpper(lines.Text()); {
		case strings.HasPrefix(verb, "EHLO") && config != nil:
			fmt.Fprint(c, "250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n")
		case verb == "STARTTLS" && config != nil:
			fmt.Fprint(c, "220 go\r\n")
			_, _ = io.Copy(e, tls.Server(c, config))
			return
		default:
			fmt.Fprint(c, "250 AUTH PLAIN LOGIN\r\n")
		}
	}
}
