package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// server is one loopback listener that knows when everything it started has ended.
type server struct {
	listener net.Listener
	http     *http.Server
	cancel   context.CancelFunc
	served   chan struct{}
	err      error          // of Serve; read after served is closed
	open     sync.WaitGroup // connections, and handlers that took their connection over
}

// listen serves on at where that port is free, else on any free one.
func listen(h http.Handler, at string) (*server, error) {
	l, err := bind(at)
	if err != nil {
		return nil, fmt.Errorf("sim: listening on loopback: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{listener: l, cancel: cancel, served: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.counted(h),
		ConnState:         s.count,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // cut connections are what this package is for
		ReadHeaderTimeout: 10 * time.Second,
	}
	go s.serve()
	return s, nil
}

// bind takes the wished port of 127.0.0.1, or any other; nothing beyond loopback can be wished for.
func bind(at string) (net.Listener, error) {
	if host, _, err := net.SplitHostPort(at); err == nil && host == "127.0.0.1" {
		if l, err := net.Listen("tcp", at); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func (s *server) serve() {
	defer close(s.served)
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.err = fmt.Errorf("sim: serving: %w", err)
	}
}

// count runs in Serve's own goroutine for new connections: once Serve has returned, nothing is added any more.
func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Done()
	}
}

// counted keeps a handler counted after it has taken its connection over.
func (s *server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.open.Add(1)
		defer s.open.Done()
		h.ServeHTTP(rw, r)
	})
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) url() string { return "http://" + s.address() }

func (s *server) close() error {
	_ = s.http.Close() // the listener's second close on a repeated call is no news
	s.cancel()         // only now, or a held request would still be answered
	<-s.served
	s.open.Wait()
	return s.err
}
