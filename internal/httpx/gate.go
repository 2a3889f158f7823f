package httpx

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	errPinned   = errors.New("not the pinned host")
	errPlain    = errors.New("plain http is for loopback only")
	errUser     = errors.New("a URL must not carry credentials")
	errLoopback = errors.New("localhost does not lead to loopback")
	errShortKey = errors.New("certificate with too short a key")
	errProxy    = errors.New("the proxy refused the connection")
)

// gate stands before the transport and below it: it looks at every request before anything is resolved, and at every
// address before anything is dialled.
type gate struct {
	host    string // pinned, lower case, "" for any
	connect time.Duration
	choose  func(*http.Request) (*url.URL, error)
	addrs   map[string]bool // what may be dialled when pinned: the host, or its proxy
	next    http.RoundTripper
}

func newGate(o Options) (*gate, error) {
	g := &gate{host: strings.ToLower(o.Host), connect: o.Connect, choose: o.Proxy, addrs: map[string]bool{}}
	if g.host == "" {
		return g, nil
	}
	target := &url.URL{Scheme: "https", Host: g.host}
	g.addrs[address(target)] = true
	if Loopback(target.Hostname()) {
		g.addrs[address(&url.URL{Scheme: "http", Host: g.host})] = true
	}
	proxy, err := g.proxy(&http.Request{URL: target})
	if err != nil {
		return nil, errors.New("the proxy setting cannot be parsed; nothing was sent: check HTTPS_PROXY")
	}
	if proxy != nil {
		g.addrs[address(proxy)] = true
	}
	return g, nil
}

// address is what the transport dials for u.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// proxy never sends a call for loopback through somebody else.
func (g *gate) proxy(req *http.Request) (*url.URL, error) {
	if Loopback(req.URL.Hostname()) {
		return nil, nil
	}
	return g.choose(req)
}

func proxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		return errProxy
	}
	return nil
}

// RoundTrip lets a request out and turns a failure into an *Error that knows how far the call came.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.check(req.URL); err != nil {
		closeBody(req)
		return nil, newError(req, Dial, err.Error(), nil)
	}
	seen := &progress{}
	res, err := g.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), seen.trace())))
	if err != nil {
		stage := seen.stage()
		return nil, newError(req, stage, why(stage, err), err)
	}
	return res, nil
}

func (g *gate) check(u *url.URL) error {
	switch {
	case u.User != nil:
		return errUser
	case u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())):
		return errPlain
	case g.host != "" && strings.ToLower(u.Host) != g.host:
		return errPinned
	}
	return nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func (g *gate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if g.host != "" && !g.addrs[strings.ToLower(addr)] {
		return nil, errPinned
	}
	d := net.Dialer{Timeout: g.connect}
	if host, _, err := net.SplitHostPort(addr); err == nil && Loopback(host) {
		d.ControlContext = insideOnly
	}
	return d.DialContext(ctx, network, addr)
}

// insideOnly looks at the resolved address: a hosts file may send localhost anywhere.
func insideOnly(_ context.Context, _, addr string, _ syscall.RawConn) error {
	if ap, err := netip.ParseAddrPort(addr); err != nil || !ap.Addr().Unmap().IsLoopback() {
		return errLoopback
	}
	return nil
}

// Loopback reports whether host, without port, means this machine: 127.0.0.0/8, ::1 or localhost. What localhost
// resolves to is checked again when it is dialled.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// progress is how far a call came. The transport reports from several goroutines.
type progress struct{ at atomic.Int32 }

func (p *progress) stage() Stage {
	return [...]Stage{Dial, TLS, Send, Read}[p.at.Load()]
}

func (p *progress) reach(n int32) {
	for {
		old := p.at.Load()
		if old >= n || p.at.CompareAndSwap(old, n) {
			return
		}
	}
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart:    func() { p.reach(1) },
		GotConn:              func(httptrace.GotConnInfo) { p.reach(2) },
		GotFirstResponseByte: func() { p.reach(3) },
	}
}
