package sim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ServiceOptions are how a consumer is made.
type ServiceOptions struct {
	EnvFile     string           // read at start and at restarts, never between
	KeyEntry    string           // entry that holds the key
	SecretEntry string           // entry that holds the secret
	LabelEntry  string           // entry that holds the generation label; "": it tells none
	PrintKey    string           // its derived key, "<id>/<consumer>:<64 hex digits>"; "": it tells no print
	API         string           // the vendor's base address with version, e.g. World.URL(Production)
	Now         func() time.Time // required: for Date headers
	At          string           // address for its users, e.g. 127.0.0.1:8080, if that is free; "": any port
	ControlAt   string           // the same for the deployer
}

// ErrRestart is a deployment that failed before the new process served: the one before it goes on.
var ErrRestart = errors.New("sim: the restart failed; the service runs on as it was")

// Service is a web service that lives off one pair: it reads its .env file when it starts, and keeps the pair in memory
// until it is restarted. Safe for concurrent use.
type Service struct {
	o            ServiceOptions
	printer      printer
	client       *http.Client
	web, control *server

	mu           sync.Mutex
	up           bool
	held, before loaded  // the pair in memory, and the different one before it
	pinned       *loaded // what every start comes back with, nil: what the file says
	fail         int     // restarts still to fail
	deaf         bool    // restarts that say ok and do nothing
	restarts     int
}

// NewService starts a service on loopback: one address for its users, one for whoever deploys it. It fails when the file
// does not hold a pair, the print key has another shape, or no port can be had.
func NewService(o ServiceOptions) (*Service, error) {
	if o.Now == nil {
		return nil, errors.New("sim: a service needs a clock")
	}
	p, err := newPrinter(o.PrintKey)
	if err != nil {
		return nil, err
	}
	s := &Service{o: o, printer: p, client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if err := s.start(); err != nil {
		return nil, err
	}
	if s.web, err = listen(s.routes(), o.At); err != nil {
		return nil, err
	}
	if s.control, err = listen(s.controls(), o.ControlAt); err != nil {
		return nil, errors.Join(err, s.web.close())
	}
	return s, nil
}

// Close ends the service and returns when nothing of it runs any more. It may be repeated.
func (s *Service) Close() error {
	err := errors.Join(s.web.close(), s.control.close())
	s.client.CloseIdleConnections()
	return err
}

// URL is the users' address: GET /healthz and GET /work.
func (s *Service) URL() string { return s.web.url() }

// ControlURL is the deployer's address: POST /-/restart answers 204, or 500 when the restart failed.
func (s *Service) ControlURL() string { return s.control.url() }

// Restart starts the service anew, as a deployment does. ErrRestart under FailRestarts; when the file holds no pair, its
// error, and the service is down until a restart finds one.
func (s *Service) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts++
	switch {
	case s.fail > 0:
		s.fail--
		return ErrRestart
	case s.deaf:
		return nil
	}
	return s.start()
}

// Restarts counts the restarts asked for, failed and ignored ones included.
func (s *Service) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// FailRestarts makes the next n restarts fail.
func (s *Service) FailRestarts(n int) { s.set(func() { s.fail = n }) }

// IgnoreRestart makes restarts say ok and do nothing, as a deployment does that restarts something else.
func (s *Service) IgnoreRestart(on bool) { s.set(func() { s.deaf = on }) }

// PinOld makes every later start come back with the pair in memory now, whatever the file says: a copy baked into an
// image.
func (s *Service) PinOld() { s.set(func() { held := s.held; s.pinned = &held }) }

// ComeBackOld restarts the service at once with the pair it held before the present one, and pins that: an instance
// that crashed and started from a stale copy. Without a former pair it keeps the present one.
func (s *Service) ComeBackOld() {
	s.set(func() {
		if s.before != (loaded{}) {
			s.become(s.before)
		}
		held := s.held
		s.pinned = &held
	})
}

// Unpin lets the next start read the file again.
func (s *Service) Unpin() { s.set(func() { s.pinned = nil }) }

func (s *Service) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *Service) start() error {
	if s.pinned != nil {
		s.become(*s.pinned)
		return nil
	}
	next, err := load(s.o)
	if err != nil {
		s.up = false
		return err
	}
	s.become(next)
	return nil
}

func (s *Service) become(next loaded) {
	if s.held.key != next.key || s.held.secret != next.secret {
		s.before = s.held
	}
	s.held, s.up = next, true
}

// Work calls the vendor once with the pair in memory, as the service does for its users: the status, 0 when there was no
// answer or the service is down.
func (s *Service) Work(ctx context.Context) int {
	held, up := s.state()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.o.API+"/accounts", nil)
	if err != nil || !up {
		return 0
	}
	r.SetBasicAuth(held.key, held.secret)
	answer, err := s.client.Do(r)
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	var items any
	if json.NewDecoder(answer.Body).Decode(&items) != nil && answer.StatusCode == http.StatusOK {
		return 0 // a body it can't use is no answer
	}
	return answer.StatusCode
}

func (s *Service) state() (loaded, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.up
}

func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /work", s.work)
	return mux
}

func (s *Service) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /-/restart", func(rw http.ResponseWriter, _ *http.Request) {
		if err := s.Restart(); err != nil {
			s.tell(rw, http.StatusInternalServerError, health{Status: "restart failed"})
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})
	return mux
}

type health struct {
	Status string `json:"status"`
	Print  string `json:"print,omitempty"`
	Label  string `json:"label,omitempty"`
}

func (s *Service) healthz(rw http.ResponseWriter, _ *http.Request) {
	held, up := s.state()
	if !up {
		s.tell(rw, http.StatusServiceUnavailable, health{Status: "down"})
		return
	}
	s.tell(rw, http.StatusOK, health{"ok", s.printer.print(held), held.label})
}

func (s *Service) work(rw http.ResponseWriter, r *http.Request) {
	type work struct {
		Status string `json:"status"`
		Vendor int    `json:"vendor"` // the vendor's status, 0 when there was none
	}
	vendor := s.Work(r.Context())
	if vendor != http.StatusOK {
		s.tell(rw, http.StatusBadGateway, work{"failing", vendor})
		return
	}
	s.tell(rw, http.StatusOK, work{"ok", vendor})
}

func (s *Service) tell(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body)
}

// loaded is what a start took from the file.
type loaded struct{ key, secret, label string }

func load(o ServiceOptions) (loaded, error) {
	entries, err := readEnv(o.EnvFile)
	if err != nil {
		return loaded{}, err
	}
	l := loaded{entries[o.KeyEntry], entries[o.SecretEntry], ""}
	if o.LabelEntry != "" {
		l.label = entries[o.LabelEntry]
	}
	if strings.TrimSpace(l.key) == "" || strings.TrimSpace(l.secret) == "" {
		return loaded{}, errors.New("sim: the .env file holds no pair; the service is down")
	}
	return l, nil
}
