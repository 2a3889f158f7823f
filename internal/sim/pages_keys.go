package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameLimit is the documented length of a key's name, in characters.
const nameLimit = 120

// visit is one request of a signed-in person for a page of an environment.
type visit struct {
	p           *Portal
	rw          http.ResponseWriter
	r           *http.Request
	session     *session
	environment string
}

// signedIn lets nobody else in, and knows the environments.
func (p *Portal) signedIn(show func(*visit)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		v := &visit{p: p, rw: rw, r: r, session: p.session(r), environment: r.PathValue("environment")}
		switch {
		case !slices.Contains([]string{Sandbox, Production}, v.environment):
			p.nothing(rw, r)
		case v.session == nil:
			goTo(rw, r, "/sign-in")
		default:
			p.renew(rw, r, v.session)
			show(v)
		}
	}
}

func (v *visit) organisation() string { return v.session.person.Organisation.ID }

func (v *visit) keysPath() string { return "/" + v.environment + "/settings/api-keys" }

// sheet is what every page of an environment shows. A flash is said once.
func (v *visit) sheet(title, page string) sheet {
	v.p.mu.Lock()
	defer v.p.mu.Unlock()
	out := sheet{Title: title, Page: page, Person: &v.session.person, Environment: v.environment, Flash: v.session.flash}
	v.session.flash = ""
	out.Taken, out.Limit = v.p.world.Slots(v.organisation(), v.environment)
	return out
}

func (v *visit) show(status int, name string, page sheet) { v.p.show(v.rw, status, name, page) }

// done ends an act: its page is the list, which says what happened.
func (v *visit) done(flash string) {
	v.p.mu.Lock()
	v.session.flash = flash
	v.p.mu.Unlock()
	goTo(v.rw, v.r, v.keysPath())
}

// failed tells a person about an error of the World.
func (v *visit) failed(err error) {
	status, name := cause(err)
	title := map[string]string{"limit": "No more API keys", "broken": "Something went wrong", "refused": "Not possible"}[name]
	page := v.sheet(title, "/settings/api-keys")
	page.Error = "There is no such key here, or its status does not allow this. Nothing was changed."
	v.show(status, name, page)
}

func (v *visit) overview() { v.show(http.StatusOK, "overview", v.sheet("Overview", "/")) }

func (v *visit) list() {
	page := v.sheet("API Keys", "/settings/api-keys")
	page.Keys = v.p.world.Keys(v.organisation(), v.environment)
	slices.Reverse(page.Keys) // newest first
	v.show(http.StatusOK, "list", page)
}

func (v *visit) new() {
	if taken, limit := v.p.world.Slots(v.organisation(), v.environment); taken >= limit {
		v.failed(ErrLimit)
		return
	}
	v.show(http.StatusOK, "new", v.sheet("Create an API key", "/settings/api-keys/new"))
}

func (v *visit) create() {
	name := spoken(v.r.PostFormValue("name"))
	if problem := badName(name); problem != "" {
		page := v.sheet("Create an API key", "/settings/api-keys/new")
		page.Typed, page.Error = name, problem
		v.show(http.StatusUnprocessableEntity, "new", page)
		return
	}
	shown, err := v.p.world.Create(v.organisation(), v.environment, name)
	if err != nil {
		v.failed(err)
		return
	}
	v.p.mu.Lock()
	v.session.fresh = &fresh{shown, name}
	v.p.mu.Unlock()
	goTo(v.rw, v.r, v.keysPath()+"/"+shown.ID+"/secret")
}

func badName(name string) string {
	switch {
	case name == "":
		return "A key needs a name."
	case utf8.RuneCountInString(name) > nameLimit:
		return fmt.Sprintf("A name has at most %d characters.", nameLimit)
	case strings.ContainsFunc(name, unicode.IsControl), !utf8.ValidString(name):
		return "A name is made of letters, digits and signs that can be printed."
	}
	return ""
}

// secret is the one page that ever shows a pair. Asking for it uses it up, whether or not the answer arrives.
func (v *visit) secret() {
	page := v.sheet("Copy your API key and secret", "/settings/api-keys")
	f := v.takeFresh()
	if f == nil {
		page.Title = "The secret was shown already"
		v.show(http.StatusGone, "gone", page)
		return
	}
	page.Shown, page.Key = &f.shown, Listed{ID: f.shown.ID, Name: f.name, Created: f.shown.CreatedAt}
	v.show(http.StatusOK, "shown", page)
}

// takeFresh forgets the pair to be shown, and returns it when it is the one that was asked for. HEAD shows no page.
func (v *visit) takeFresh() *fresh {
	v.p.mu.Lock()
	defer v.p.mu.Unlock()
	f := v.session.fresh
	if f == nil || f.shown.ID != v.r.PathValue("id") || v.r.Method != http.MethodGet {
		return nil
	}
	v.session.fresh, v.session.shown = nil, true
	return f
}

func (v *visit) disable() { v.change(v.p.world.Disable, "disabled") }

func (v *visit) enable() { v.change(v.p.world.Enable, "enabled") }

func (v *visit) change(act func(id string) error, done string) {
	k, ok := v.key()
	if !ok {
		v.failed(ErrNotFound)
		return
	}
	if err := act(k.ID); err != nil {
		v.failed(err)
		return
	}
	v.done(fmt.Sprintf("%s, ending in %s, is %s.", k.Name, k.LastFour, done))
}

// key is the pair in the path, if it is one of this organisation in this environment.
func (v *visit) key() (Listed, bool) {
	keys := v.p.world.Keys(v.organisation(), v.environment)
	i := slices.IndexFunc(keys, func(k Listed) bool { return k.ID == v.r.PathValue("id") })
	if i < 0 {
		return Listed{}, false
	}
	return keys[i], true
}

func (v *visit) confirm() { v.askRevoke(http.StatusOK, "") }

func (v *visit) askRevoke(status int, problem string) {
	k, ok := v.key()
	switch {
	case !ok:
		v.failed(ErrNotFound)
		return
	case k.Status == Deleted:
		v.failed(ErrStatus)
		return
	}
	page := v.sheet("Revoke this API key?", "/settings/api-keys")
	page.Key, page.Error = k, problem
	v.show(status, "revoke", page)
}

func (v *visit) revoke() {
	k, ok := v.key()
	typed := spoken(v.r.PostFormValue("confirm"))
	if ok && typed != k.LastFour && typed != k.Name {
		v.askRevoke(http.StatusUnprocessableEntity, "That is neither. Nothing was revoked.")
		return
	}
	v.change(v.p.world.Delete, "revoked")
}
