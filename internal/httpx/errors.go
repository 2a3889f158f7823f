package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// Stage is how far a call came before it failed.
type Stage string

const (
	Dial     Stage = "dial"     // nothing left this machine but a connection attempt; also what the client refused to send
	TLS      Stage = "tls"      // connected, but no request was sent
	Send     Stage = "send"     // the request may have arrived
	Read     Stage = "read"     // an answer began
	Redirect Stage = "redirect" // an answer named another address; it was not followed
)

// Error is a call that gave no usable answer. It holds no query, header, body or foreign text. errors.Is finds
// context.Canceled and context.DeadlineExceeded (any timeout) in it.
type Error struct {
	Stage  Stage
	Method string
	Host   string // with port when the URL has one
	Path   string
	Why    string // one of this package's phrases, e.g. "timeout", "certificate expired"
	cause  error  // one of the two context errors, or nil: never the original, whose text holds the URL
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s%s: %s: %s", e.Method, e.Host, e.Path, e.Stage, e.Why)
}

// Unwrap returns context.Canceled, context.DeadlineExceeded or nil.
func (e *Error) Unwrap() error { return e.cause }

func newError(req *http.Request, s Stage, why string, original error) *Error {
	e := &Error{Stage: s, Method: req.Method, Host: req.URL.Host, Path: req.URL.Path, Why: why}
	switch {
	case errors.Is(original, context.Canceled):
		e.cause = context.Canceled
	case timedOut(original):
		e.cause = context.DeadlineExceeded
	}
	return e
}

func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// why names the cause without repeating a word of it: the texts of net, tls and http carry addresses, URLs and bytes
// of the answer.
func why(s Stage, err error) string {
	for _, name := range []func(error) string{ours, ended, certificate, connection, lookup} {
		if w := name(err); w != "" {
			return w
		}
	}
	return map[Stage]string{Dial: "no connection", TLS: "TLS failed", Send: "no answer", Read: "unreadable answer"}[s]
}

func ours(err error) string {
	for _, e := range []error{errPinned, errLoopback, errProxy, errShortKey} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return ""
}

func ended(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case timedOut(err):
		return "timeout"
	}
	return ""
}

func certificate(err error) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "certificate expired or not yet valid"
		}
		return "certificate not valid"
	}
	switch {
	case is[x509.UnknownAuthorityError](err):
		return "certificate not trusted"
	case is[x509.HostnameError](err):
		return "certificate for another name"
	case is[*tls.CertificateVerificationError](err):
		return "certificate not valid"
	case is[tls.RecordHeaderError](err):
		return "not a TLS server"
	}
	return ""
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func connection(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "answer cut short"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host"
	case ok && op.Op == "remote error":
		return "TLS refused by the server"
	}
	return ""
}

func lookup(err error) string {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return ""
	case dns.IsNotFound:
		return "name not found"
	}
	return "name lookup failed"
}
