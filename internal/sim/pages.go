package sim

import (
	"bytes"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed pages
var pageFiles embed.FS

// PortalOptions are how a portal's pages are served.
type PortalOptions struct {
	At string // address, e.g. 127.0.0.1:8080, if that is free; "": any port
}

// Portal is the vendor's portal as pages that a person clicks through, on a loopback address of its own. Its acts are the
// methods of its World. It needs no script in the browser. Safe for concurrent use.
type Portal struct {
	world     *World
	templates *template.Template
	style     []byte
	guard     *http.CrossOriginProtection
	web       *server

	mu       sync.Mutex
	sessions map[string]*session // by what the cookie says
}

// session is one signed-in person. The Portal's lock guards it.
type session struct {
	person person
	flash  string // said on the next page
	fresh  *fresh // what the next page may show, once
	shown  bool   // a secret was on the page that is left now
}

// fresh is a pair between its creation and the one page that shows it.
type fresh struct {
	shown Shown
	name  string
}

// NewPortal serves the portal of a world. It fails when no port can be had.
func NewPortal(w *World, o PortalOptions) (*Portal, error) {
	p := &Portal{world: w, guard: http.NewCrossOriginProtection(), sessions: map[string]*session{}}
	var err error
	p.templates, err = template.New("").Funcs(template.FuncMap{"stamp": stamp, "short": short}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("sim: the portal's pages: %w", err)
	}
	if p.style, err = pageFiles.ReadFile("pages/style.css"); err != nil {
		return nil, fmt.Errorf("sim: the portal's pages: %w", err)
	}
	if p.web, err = listen(p.handler(), o.At); err != nil {
		return nil, err
	}
	return p, nil
}

// Close stops the portal and forgets who was signed in. It may be repeated.
func (p *Portal) Close() error {
	err := p.web.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sessions)
	return err
}

// URL is where a person begins, e.g. http://127.0.0.1:41234.
func (p *Portal) URL() string { return p.web.url() }

func (p *Portal) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", p.css)
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /sign-in", p.askWho)
	mux.HandleFunc("POST /sign-in", p.signIn)
	mux.HandleFunc("POST /sign-out", p.signOut)
	keys := "/{environment}/settings/api-keys"
	for pattern, show := range map[string]func(*visit){
		"GET /{environment}/{$}":         (*visit).overview,
		"GET " + keys:                    (*visit).list,
		"GET " + keys + "/new":           (*visit).new,
		"POST " + keys:                   (*visit).create,
		"GET " + keys + "/{id}/secret":   (*visit).secret,
		"POST " + keys + "/{id}/disable": (*visit).disable,
		"POST " + keys + "/{id}/enable":  (*visit).enable,
		"GET " + keys + "/{id}/revoke":   (*visit).confirm,
		"POST " + keys + "/{id}/revoke":  (*visit).revoke,
	} {
		mux.HandleFunc(pattern, p.signedIn(show))
	}
	mux.HandleFunc("/", p.nothing)
	return p.guarded(mux)
}

// guarded sends the headers that every page has, and turns away what comes from another site or under another name.
func (p *Portal) guarded(next http.Handler) http.Handler {
	p.guard.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		p.refuse(rw, http.StatusForbidden, "Not from here", "This was sent from another site, so nothing was done.")
	}))
	inner := p.guard.Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "+
			"base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Host != p.web.address() {
			p.refuse(rw, http.StatusMisdirectedRequest, "Wrong address", "This portal answers under its own address alone.")
			return
		}
		r.Body = http.MaxBytesReader(rw, r.Body, 1<<14)
		inner.ServeHTTP(rw, r)
	})
}

func (p *Portal) css(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = rw.Write(p.style)
}

// sheet is all that a page may show.
type sheet struct {
	Title       string
	Page        string // path behind the environment, for the switch
	Person      *person
	Environment string
	People      []person
	Keys        []Listed
	Key         Listed
	Shown       *Shown
	Taken       int
	Limit       int
	Typed       string
	Error       string
	Flash       string
	Now         string
}

func (p *Portal) show(rw http.ResponseWriter, status int, name string, v sheet) {
	v.Now = stamp(p.world.now())
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, v); err != nil {
		http.Error(rw, "the page is broken", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes())
	clear(b.Bytes())
}

func (p *Portal) refuse(rw http.ResponseWriter, status int, title, why string) {
	p.show(rw, status, "refused", sheet{Title: title, Error: why})
}

func (p *Portal) nothing(rw http.ResponseWriter, _ *http.Request) {
	p.refuse(rw, http.StatusNotFound, "No such page", "There is nothing at this address.")
}

// short is stamp where the zone is said elsewhere.
func short(t time.Time) string { return strings.TrimSuffix(stamp(t), " UTC") }

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// cookie names the session. Strict: another site's link or form comes without it.
const cookie = "portal_session"

func (p *Portal) session(r *http.Request) *session {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[c.Value]
}

func (p *Portal) home(rw http.ResponseWriter, r *http.Request) {
	if p.session(r) == nil {
		goTo(rw, r, "/sign-in")
		return
	}
	goTo(rw, r, "/"+Sandbox+"/") // where real dashboards begin, and where the wrong key gets made
}

func (p *Portal) askWho(rw http.ResponseWriter, _ *http.Request) {
	p.show(rw, http.StatusOK, "sign-in", sheet{Title: "Sign in", People: people()})
}

func (p *Portal) signIn(rw http.ResponseWriter, r *http.Request) {
	who, ok := personByID(r.PostFormValue("person"))
	if !ok {
		p.show(rw, http.StatusUnprocessableEntity, "sign-in", sheet{Title: "Sign in", People: people(), Error: "Choose who you are."})
		return
	}
	p.forget(r)
	p.begin(rw, &session{person: who})
	goTo(rw, r, "/"+Sandbox+"/")
}

func (p *Portal) begin(rw http.ResponseWriter, s *session) {
	id := rand.Text()
	p.mu.Lock()
	p.sessions[id] = s
	p.mu.Unlock()
	http.SetCookie(rw, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// renew gives the session another cookie once its secret page is left. Browsers keep whole pages for the back button,
// no-store or not; a changed HttpOnly cookie makes them drop such a page, as after signing out.
func (p *Portal) renew(rw http.ResponseWriter, r *http.Request, s *session) {
	p.mu.Lock()
	left := s.shown
	s.shown = false
	p.mu.Unlock()
	if left {
		p.forget(r)
		p.begin(rw, s)
	}
}

func (p *Portal) signOut(rw http.ResponseWriter, r *http.Request) {
	p.forget(r)
	http.SetCookie(rw, &http.Cookie{Name: cookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	goTo(rw, r, "/sign-in")
}

func (p *Portal) forget(r *http.Request) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, c.Value)
}

// goTo ends an act with a page of its own, so that a reload does not repeat it.
func goTo(rw http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(rw, r, path, http.StatusSeeOther)
}

// organisation is a tenant as its people see it.
type organisation struct{ ID, Title string }

// person is somebody who may sign in.
type person struct {
	ID, Name     string
	Organisation organisation
}

func people() []person {
	return []person{
		{"ada", "Ada Moss", organisation{Acme, "Acme Trading"}},
		{"gil", "Gil Stone", organisation{Globex, "Globex Capital"}},
	}
}

func personByID(id string) (person, bool) {
	for _, p := range people() {
		if p.ID == id {
			return p, true
		}
	}
	return person{}, false
}

// cause says which page tells a person about an error of the World.
func cause(err error) (status int, page string) {
	switch {
	case errors.Is(err, ErrLimit):
		return http.StatusConflict, "limit"
	case errors.Is(err, ErrStatus):
		return http.StatusConflict, "refused"
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, "refused"
	}
	return http.StatusInternalServerError, "broken"
}

// spoken is a name as a sentence may hold it.
func spoken(name string) string { return strings.Join(strings.Fields(name), " ") }
