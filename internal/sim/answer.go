package sim

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The documented error codes, and those of the documented form that it leaves to guess (404, 405, 500).
const (
	codeMissing      = "BLUM-401-001"
	codeMalformed    = "BLUM-401-002"
	codeInvalid      = "BLUM-401-003"
	codeInactive     = "BLUM-401-004"
	codeExpired      = "BLUM-401-005"
	codeNoProduction = "BLUM-403-003"
	codeNotFound     = "BLUM-404-001"
	codeMethod       = "BLUM-405-001"
	codeRate         = "BLUM-429-001"
	codeBroken       = "BLUM-500-001"
)

// answer is what goes back, decided in full before a byte leaves.
type answer struct {
	status int
	code   string
	header http.Header
	body   []byte
	wait   func(context.Context) // before answering, nil: at once
	cut    bool                  // promise the whole body, send half
	reset  bool                  // no answer: reset the connection
}

func (a answer) deliver(rw http.ResponseWriter, r *http.Request) {
	if a.wait != nil {
		a.wait(r.Context())
	}
	if a.reset {
		reset(rw)
		return
	}
	for name, values := range a.header {
		rw.Header()[name] = values
	}
	rw.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	rw.WriteHeader(a.status)
	if a.cut {
		a.body = a.body[:len(a.body)/2]
	}
	_, _ = rw.Write(a.body) // a client that went away is its own affair
}

// reset drops the connection with a TCP reset instead of a farewell.
func reset(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // can't be taken over: the server cuts it
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// retry adds Retry-After in whole seconds, rounded up, when there is something to wait for.
func (a answer) retry(after time.Duration) answer {
	if after > 0 {
		a.header.Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	}
	return a
}

func jsonAnswer(status int, code string, body any) answer {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // only this package's own structs come here
	}
	return answer{status: status, code: code, body: append(b, '\n'),
		header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}

// page is what a gateway says in a vendor's place.
func page(status int) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		body: []byte("<!doctype html><title>Maintenance</title><p>We will be back shortly.</p>\n")}
}

func redirect(to string) answer {
	a := page(http.StatusFound)
	a.header.Set("Location", to)
	return a
}

type olderError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	TraceID string `json:"trace_id"`
}

type newerError struct {
	Type    string  `json:"type"`
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
}

// refuse is an error in the shape of this world's generation of the API. No message repeats what the caller sent.
func (w *World) refuse(c call, status int, code string) answer {
	if w.newer {
		return jsonAnswer(status, code, map[string]newerError{
			"error": {Type: errorType(status), Code: code, Message: message(code)}})
	}
	return jsonAnswer(status, code, olderError{code, message(code), c.id})
}

func (w *World) tooMany(c call, after time.Duration) answer {
	return w.refuse(c, http.StatusTooManyRequests, codeRate).retry(after)
}

func message(code string) string {
	text, known := map[string]string{
		codeMissing:      "The Authorization header is missing.",
		codeMalformed:    "The Authorization header cannot be read.",
		codeInvalid:      "The API key or secret is not valid.",
		codeInactive:     "The API key is not active.",
		codeExpired:      "The API key has expired.",
		codeNoProduction: "Production access is required.",
		codeNotFound:     "There is no such resource.",
		codeMethod:       "The resource does not allow this method.",
		codeRate:         "Too many requests.",
	}[code]
	if !known {
		return "Something went wrong on our side."
	}
	return text
}

func errorType(status int) string {
	kind, known := map[int]string{
		http.StatusUnauthorized:    "authentication_error",
		http.StatusForbidden:       "permission_error",
		http.StatusTooManyRequests: "rate_limit_error",
	}[status]
	switch {
	case known:
		return kind
	case status < http.StatusInternalServerError:
		return "invalid_request_error"
	}
	return "api_error"
}
