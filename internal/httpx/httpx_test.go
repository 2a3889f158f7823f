package httpx

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func client(t *testing.T, o Options) *http.Client {
	t.Helper()
	if o.Proxy == nil {
		o.Proxy = noProxy
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c *http.Client, target string) (Answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Do(c, req)
}

// fails makes a call that must fail at a stage for a reason.
func fails(t *testing.T, c *http.Client, target string, stage Stage, why string) *Error {
	t.Helper()
	_, err := get(t, c, target)
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %T %v, want an *Error", err, err)
	}
	if e.Stage != stage || e.Why != why {
		t.Fatalf("got %s: %s, want %s: %s", e.Stage, e.Why, stage, why)
	}
	return e
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// quiet keeps the server's own complaints about broken handshakes out of the test's output.
func quiet(s *httptest.Server) { s.Config.ErrorLog = log.New(io.Discard, "", 0) }

func serveTLS(t *testing.T, cfg *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	s.TLS, s.EnableHTTP2 = cfg, true
	quiet(s)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func caFile(t *testing.T, cert *x509.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func hostOf(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func TestPlainHTTPToLoopbackIsAllowed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	_, port, _ := net.SplitHostPort(hostOf(t, s.URL))
	for _, target := range []string{s.URL, "http://localhost:" + port, "http://LOCALHOST:" + port} {
		a, err := get(t, client(t, Options{}), target)
		if err != nil || a.Status != 200 || string(a.Body) != "hello" {
			t.Errorf("%s: got %d %q %v", target, a.Status, a.Body, err)
		}
	}
}

func TestPlainHTTPElsewhereIsRefusedBeforeAnythingIsSent(t *testing.T) {
	for _, target := range []string{"http://192.0.2.1/a", "http://vendor.example/a", "http://localhost.example/a",
		"http://0.0.0.0/a", "ftp://127.0.0.1/a"} {
		fails(t, client(t, Options{}), target, Dial, errPlain.Error())
	}
}

func TestCredentialsInAURLAreRefused(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	target := strings.Replace(s.URL, "http://", "http://user:pass-word-1234@", 1)
	e := fails(t, client(t, Options{}), target, Dial, errUser.Error())
	if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), "pass-word") {
		t.Errorf("leaked: %#v", e)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "127.9.8.7": true, "::1": true, "[::1]": true,
		"::ffff:127.0.0.1": true, "localhost": true, "LocalHost": true, "localhost.": false, "localhost.evil.example": false,
		"128.0.0.1": false, "0.0.0.0": false, "::": false, "": false, "2130706433": false, "127.1": false} {
		if got := Loopback(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
}

func TestLocalhostMustLeadToLoopback(t *testing.T) {
	for addr, ok := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "192.0.2.1:80": false,
		"[2001:db8::1]:80": false, "nonsense": false} {
		if err := insideOnly(t.Context(), "tcp", addr, nil); (err == nil) != ok {
			t.Errorf("%s: got %v", addr, err)
		}
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	var second atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { second.Add(1) })
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL + "/x?k=v", "/same-host", "//" + hostOf(t, other.URL) + "/y", "", "ftp://x"} {
			first := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					second.Add(1)
				}
				w.Header()["Location"] = []string{to}
				w.WriteHeader(status)
			})
			fails(t, client(t, Options{}), first.URL+"/", Redirect, "redirect refused")
			a, _ := get(t, client(t, Options{}), first.URL+"/")
			if a.Status != status {
				t.Errorf("%d to %q: status %d", status, to, a.Status)
			}
		}
	}
	if n := second.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestNoCookieAndNoConnectionIsKept(t *testing.T) {
	var cookies, conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int32(len(r.Cookies())))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t, Options{})
	for range 3 {
		if _, err := get(t, c, s.URL); err != nil {
			t.Fatal(err)
		}
	}
	if cookies.Load() != 0 || conns.Load() != 3 {
		t.Errorf("%d cookies, %d connections for 3 calls", cookies.Load(), conns.Load())
	}
}

func TestPinnedHost(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") })
	c := client(t, Options{Host: strings.ToUpper(hostOf(t, s.URL))})
	if _, err := get(t, c, s.URL); err != nil {
		t.Fatal(err)
	}
	fails(t, c, other.URL, Dial, errPinned.Error())
	fails(t, c, "https://vendor.example/", Dial, errPinned.Error())
}

// The dialer is the second lock: whatever the transport makes of a request, no other address is dialled.
func TestDialerRefusesAnyOtherAddress(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	g, err := newGate(Options{Host: "vendor.example", Proxy: noProxy})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{hostOf(t, other.URL), "vendor.example:80", "vendor.example.evil:443", "vendor.example"} {
		if _, err := g.dial(t.Context(), "tcp", addr); !errors.Is(err, errPinned) {
			t.Errorf("%s: got %v", addr, err)
		}
	}
}

func TestTLS(t *testing.T) {
	s := serveTLS(t, &tls.Config{})
	file := caFile(t, s.Certificate())
	a, err := get(t, client(t, Options{CAFile: file, Host: hostOf(t, s.URL)}), s.URL)
	if err != nil || string(a.Body) != "HTTP/2.0" {
		t.Fatalf("private CA: %q %v", a.Body, err)
	}
	_, port, _ := net.SplitHostPort(hostOf(t, s.URL))
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	old := serveTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	expired := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{expiredCert(t)}})
	for _, c := range []struct{ name, ca, target, why string }{
		{"system authorities", "", s.URL, "certificate not trusted"},
		{"another name", file, "https://localhost:" + port, "certificate for another name"},
		{"no TLS", file, strings.Replace(plain.URL, "http:", "https:", 1), "not a TLS server"},
		{"old TLS", caFile(t, old.Certificate()), old.URL, "TLS refused by the server"},
		{"expired", caFile(t, expired.Certificate()), expired.URL, "certificate expired or not yet valid"},
	} {
		t.Run(c.name, func(t *testing.T) { fails(t, client(t, Options{CAFile: c.ca}), c.target, TLS, c.why) })
	}
}

// A key of 1024 bits can be broken, and crypto/tls takes it.
func TestAServerWithAShortKeyIsRefused(t *testing.T) {
	for bits, ok := range map[int]bool{1024: false, 2048: true} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
		der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		c := client(t, Options{CAFile: caFile(t, s.Certificate())})
		if ok {
			if _, err := get(t, c, s.URL); err != nil {
				t.Error(err)
			}
			continue
		}
		fails(t, c, s.URL, TLS, errShortKey.Error())
	}
}

func expiredCert(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestUnusableCAFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing here"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "holds no certificate", empty + ".none": "cannot be read"} {
		if _, err := NewClient(Options{CAFile: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

// raw answers every connection with fixed bytes after a request was read, then does what end says.
func raw(t *testing.T, answer string, end func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, answer)
			end(conn.(*net.TCPConn))
		}
	}()
	return "http://" + l.Addr().String()
}

func TestBrokenAnswers(t *testing.T) {
	shut := func(c *net.TCPConn) { _ = c.Close() }
	reset := func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }
	hang := func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c); _ = c.Close() }
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
	for _, c := range []struct {
		name, answer string
		end          func(*net.TCPConn)
		stage        Stage
		why          string
	}{
		{"closed at once", "", shut, Send, "answer cut short"},
		{"reset at once", "", reset, Send, "connection reset"},
		{"cut in the body", head, shut, Read, "answer cut short"},
		{"cut in the head", "HTTP/1.1 200 OK\r\nConte", shut, Read, "unreadable answer"},
		{"silent", "", hang, Send, "timeout"},
		{"slow body", head, hang, Read, "timeout"},
		{"not HTTP", "SSH-2.0-secret-banner\r\n\r\n", shut, Read, "unreadable answer"},
		{"long head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", shut, Read, "unreadable answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Timeout: 5 * time.Second}
			if c.why == "timeout" {
				o.Timeout = 50 * time.Millisecond
			}
			e := fails(t, client(t, o), raw(t, c.answer, c.end)+"/p?token=query-secret", c.stage, c.why)
			if text := e.Error(); strings.Contains(text, "secret") || !strings.Contains(text, "/p: ") {
				t.Errorf("text %q", text)
			}
			if (c.why == "timeout") != errors.Is(e, context.DeadlineExceeded) {
				t.Errorf("unwraps to %v", e.Unwrap())
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	for size, ok := range map[int]bool{BodyLimit: true, BodyLimit + 1: false} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
		a, err := get(t, client(t, Options{}), s.URL)
		if (err == nil) != ok || a.Status != 200 {
			t.Errorf("%d bytes: status %d, %v", size, a.Status, err)
		}
		if !ok && (a.Body != nil || !strings.Contains(err.Error(), "answer too long")) {
			t.Errorf("%d bytes: %d kept, %v", size, len(a.Body), err)
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	fails(t, client(t, Options{}), "http://"+addr, Dial, "connection refused")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Do(client(t, Options{}), req)
	if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "send: cancelled") {
		t.Errorf("got %v", err)
	}
}

func TestCausesAreNamedWithoutTheirText(t *testing.T) {
	for want, err := range map[string]error{
		"name not found":        &net.OpError{Op: "dial", Err: &net.DNSError{Name: "secret.example", IsNotFound: true}},
		"name lookup failed":    &net.DNSError{Name: "secret.example", Err: "server misbehaving"},
		"timeout":               &net.DNSError{Name: "secret.example", IsTimeout: true},
		"certificate not valid": &tls.CertificateVerificationError{Err: errors.New("secret")},
		"no connection":         errors.New("secret"),
	} {
		if got := why(Dial, err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

func TestProxy(t *testing.T) {
	var asked atomic.Pointer[string]
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.Host
		asked.Store(&line)
		w.WriteHeader(http.StatusForbidden)
	})
	through := func(*http.Request) (*url.URL, error) {
		return url.Parse(strings.Replace(proxy.URL, "http://", "http://me:proxy-password@", 1))
	}
	c := client(t, Options{Host: "vendor.example", Proxy: through})
	e := fails(t, c, "https://vendor.example/v1", Dial, errProxy.Error())
	if line := asked.Load(); line == nil || *line != "CONNECT vendor.example:443" {
		t.Errorf("the proxy saw %v", line)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), "proxy-password") {
		t.Errorf("leaked: %#v", e)
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	asked.Store(nil)
	if _, err := get(t, client(t, Options{Proxy: through}), s.URL); err != nil || asked.Load() != nil {
		t.Errorf("loopback through a proxy: %v %v", err, asked.Load())
	}
}

func TestUnreadableProxySetting(t *testing.T) {
	broken := func(*http.Request) (*url.URL, error) { return nil, errors.New("http://me:proxy-password@") }
	_, err := NewClient(Options{Host: "vendor.example", Proxy: broken})
	if err == nil || strings.Contains(err.Error(), "password") {
		t.Errorf("got %v", err)
	}
	fails(t, client(t, Options{Proxy: broken}), "https://vendor.example/", Dial, "no connection")
}
