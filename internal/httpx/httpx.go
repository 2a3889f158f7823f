// Package httpx is the one way out over HTTP. A client made here follows no redirect, keeps no cookie and no
// connection, speaks TLS to everything but loopback, can be pinned to one host, and fails with errors that name a stage
// and a cause but never an input: no query, no header, no body, no user name of a proxy.
package httpx

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// BodyLimit is how much of an answer is read, in bytes. A longer one is an error, never a shortened answer.
const BodyLimit = 1 << 20

// Options shape one client. The zero value is usable: default times, the system's authorities, the proxy of the
// environment, any host.
type Options struct {
	Host      string        // the only "host" or "host:port" this client talks to; "" leaves it open
	Connect   time.Duration // for the TCP connection; 5 s when zero
	Handshake time.Duration // for TLS; 5 s when zero
	Timeout   time.Duration // for the whole call, reading included; 15 s when zero
	CAFile    string        // PEM authorities trusted instead of the system's
	// Proxy chooses the proxy of a request; nil takes HTTPS_PROXY and NO_PROXY from the environment. It is never asked
	// for a loopback address.
	Proxy func(*http.Request) (*url.URL, error)
	// Below stands in the network's place when it is not nil: for harnesses that play a whole vendor in memory. What a
	// client refuses to send, or to follow, does not reach it either.
	Below http.RoundTripper
}

// NewClient builds a client. It fails when the CA file cannot be used or the proxy setting cannot be parsed. Call it
// through Do: the client's own methods put the whole URL into their errors.
func NewClient(o Options) (*http.Client, error) {
	o = o.withDefaults()
	roots, err := authorities(o.CAFile)
	if err != nil {
		return nil, err
	}
	gate, err := newGate(o)
	if err != nil {
		return nil, err
	}
	if gate.next = o.Below; gate.next == nil {
		gate.next = transport(o, roots, gate)
	}
	return &http.Client{Transport: gate, Timeout: o.Timeout, CheckRedirect: stay}, nil
}

// stay makes every redirect the final answer, so that credentials never follow one.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (o Options) withDefaults() Options {
	o.Connect = orElse(o.Connect, 5*time.Second)
	o.Handshake = orElse(o.Handshake, 5*time.Second)
	o.Timeout = orElse(o.Timeout, 15*time.Second)
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	return o
}

func orElse(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// transport keeps no connection alive: net/http silently repeats a request on a kept connection that went away, and a
// caller that counts its calls must be able to trust that one call is one request.
func transport(o Options, roots *x509.CertPool, g *gate) *http.Transport {
	return &http.Transport{
		Proxy:                  g.proxy,
		DialContext:            g.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, VerifyConnection: CheckPeer},
		TLSHandshakeTimeout:    o.Handshake,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
		OnProxyConnectResponse: proxyAnswer,
	}
}

// shortestRSA is the shortest key that the authorities of the web have signed since 2014, in bits (CA/Browser Forum, Baseline
// Requirements, 6.1.5).
const shortestRSA = 2048

// CheckPeer refuses a server whose certificates, which were verified before, hold an RSA key that can be broken: crypto/tls
// takes 1024 bits. The error names no certificate.
func CheckPeer(s tls.ConnectionState) error {
	for _, c := range s.PeerCertificates {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < shortestRSA {
			return errShortKey
		}
	}
	return nil
}

// authorities returns nil, the system's, when no file is named.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the CA file %s cannot be read; nothing was sent: check path and mode", file)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA file %s holds no certificate; nothing was sent: it must be PEM", file)
	}
	return pool, nil
}

// Answer is one complete answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // at most BodyLimit bytes; the caller must not keep it
}

// Do makes one call and reads its answer. Every error is an *Error. When the answer began, Status and Header are there
// beside the error: a redirect (stage Redirect, never followed), or a body that was cut, too slow or too long.
func Do(c *http.Client, req *http.Request) (Answer, error) {
	res, err := c.Do(req)
	if err != nil {
		return Answer{}, redact(req, Send, err)
	}
	defer func() { _ = res.Body.Close() }()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if a.Status >= 300 && a.Status < 400 {
		return a, newError(req, Redirect, "redirect refused", nil)
	}
	a.Body, err = readAll(req, res.Body)
	return a, err
}

func readAll(req *http.Request, body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, BodyLimit+1))
	if err != nil {
		return nil, redact(req, Read, err)
	}
	if len(b) > BodyLimit {
		return nil, newError(req, Read, "answer too long", nil)
	}
	return b, nil
}

// redact keeps an error that is already of this package, so that the stage seen by the transport stays.
func redact(req *http.Request, s Stage, err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	return newError(req, s, why(s, err), err)
}
