package sim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser is a person's browser without a screen: it keeps cookies and follows redirects.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
	status int
	at     string // path of the page shown
	body   string
	header http.Header
}

func newPortalTest(t *testing.T, o Options) (*World, *clock, *Portal) {
	t.Helper()
	w, c := newTestWorld(t, o)
	p, err := NewPortal(w, PortalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, c, p
}

func browse(t *testing.T, p *Portal) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, base: p.URL(), client: &http.Client{Jar: jar}}
}

func (b *browser) do(method, path string, form url.Values, header ...string) *browser {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.status, b.at, b.body, b.header = answer.StatusCode, answer.Request.URL.Path, string(body), answer.Header
	return b
}

func (b *browser) get(path string) *browser { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, fields ...string) *browser {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

// sees checks the status and what is on the page.
func (b *browser) sees(status int, wants ...string) *browser {
	b.t.Helper()
	if b.status != status {
		b.t.Errorf("%s: status %d, want %d", b.at, b.status, status)
	}
	for _, want := range wants {
		if !strings.Contains(b.body, want) {
			b.t.Errorf("%s: %q is not on the page:\n%s", b.at, want, b.body)
		}
	}
	return b
}

func (b *browser) signIn(person string) *browser {
	b.t.Helper()
	return b.post("/sign-in", "person", person)
}

// make creates a pair through the form and reads it off the page.
func (b *browser) make(environment, name string) (key, secret string) {
	b.t.Helper()
	b.post("/"+environment+"/settings/api-keys", "name", name).sees(http.StatusOK, "The secret is shown this once")
	return field(b, "api-key"), field(b, "api-secret")
}

func (b *browser) cookie() string {
	b.t.Helper()
	u, err := url.Parse(b.base)
	if err != nil || len(b.client.Jar.Cookies(u)) != 1 {
		b.t.Fatal("not one cookie")
	}
	return b.client.Jar.Cookies(u)[0].Value
}

func field(b *browser, id string) string {
	b.t.Helper()
	found := regexp.MustCompile(`id="` + id + `"[^>]*>([^<]+)<`).FindStringSubmatch(b.body)
	if found == nil {
		b.t.Fatalf("no %s on the page:\n%s", id, b.body)
	}
	return found[1]
}

func onlyKey(t *testing.T, w *World, organisation, environment string) Listed {
	t.Helper()
	keys := w.Keys(organisation, environment)
	if len(keys) != 1 {
		t.Fatalf("%d pairs, want 1", len(keys))
	}
	return keys[0]
}

// A person signs in, looks around, creates a key, sees it once, disables, enables and revokes it.
func TestPortalWalk(t *testing.T) {
	w, _, p := newPortalTest(t, Options{Newer: true})
	b := browse(t, p)
	b.get("/").sees(http.StatusOK, "Who are you?", "Ada Moss", "Globex Capital")
	b.get("/production/settings/api-keys").sees(http.StatusOK, "Who are you?")
	b.signIn("nobody").sees(http.StatusUnprocessableEntity, "Choose who you are.")
	b.signIn("ada").sees(http.StatusOK, `class="environment sandbox"`, "Acme Trading", "0 of 2 API keys in sandbox")
	b.get("/production/settings/api-keys").sees(http.StatusOK, `class="environment production"`,
		"Acme Trading has no API key in production", `href="/sandbox/settings/api-keys"`)
	b.get("/production/settings/api-keys/new").sees(http.StatusOK, `<label for="name">`)
	key, secret := b.make(Production, "bluum-production")
	if w.answerTo(t, Production, key, secret) != http.StatusOK {
		t.Error("the API refuses what the page showed")
	}
	k := onlyKey(t, w, Acme, Production)
	b.get("/production/settings/api-keys").sees(http.StatusOK, "bluum-production", "…"+k.LastFour, `"tag active"`, "1 of 2 keys")
	b.post("/production/settings/api-keys/"+k.ID+"/disable").sees(http.StatusOK, "is disabled.", `"tag disabled"`)
	b.get("/production/settings/api-keys")
	if strings.Contains(b.body, `role="status"`) {
		t.Error("what happened is said twice")
	}
	b.post("/production/settings/api-keys/"+k.ID+"/enable").sees(http.StatusOK, "is enabled.", `"tag active"`)
	b.get("/production/settings/api-keys/"+k.ID+"/revoke").sees(http.StatusOK, "Revoke this API key?", k.LastFour)
	b.post("/production/settings/api-keys/"+k.ID+"/revoke", "confirm", "0000x").sees(http.StatusUnprocessableEntity, "Nothing was revoked")
	if onlyKey(t, w, Acme, Production).Status != Active {
		t.Error("revoked without the word")
	}
	b.post("/production/settings/api-keys/"+k.ID+"/revoke", "confirm", k.LastFour).sees(http.StatusOK, "is revoked.", "revoked</span>")
	if w.answerTo(t, Production, key, secret) != http.StatusUnauthorized {
		t.Error("the API accepts a revoked pair")
	}
	b.get("/production/settings/api-keys/"+k.ID+"/revoke").sees(http.StatusConflict, "Nothing was changed")
	b.post("/sign-out").sees(http.StatusOK, "Who are you?")
	b.get("/production/settings/api-keys").sees(http.StatusOK, "Who are you?")
}

// answerTo is what the API says to a pair.
func (w *World) answerTo(t *testing.T, environment, key, secret string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL(environment)+"/accounts", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(key, secret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// Whatever is asked for afterwards, by whomever: the secret was on one page.
func TestPortalShowsASecretOnce(t *testing.T) {
	w, _, p := newPortalTest(t, Options{})
	b := browse(t, p)
	b.signIn("ada")
	key, secret := b.make(Production, "once")
	if b.header.Get("Cache-Control") != "no-store" {
		t.Error("the page may be kept by the browser")
	}
	page, shown := b.at, strings.Count(b.body, secret)
	if shown == 0 {
		t.Fatal("the secret is not on its page")
	}
	id, before := onlyKey(t, w, Acme, Production).ID, b.cookie()
	b.get(page).sees(http.StatusGone, "shown already")
	if b.cookie() == before {
		t.Error("the cookie stays as it was, so a browser may keep the page for its back button")
	}
	gil := browse(t, p)
	gil.signIn("gil")
	again := browse(t, p)
	again.signIn("ada")
	for _, c := range []*browser{b, gil, again} {
		for _, path := range []string{page, "/", "/production/", "/production/settings/api-keys", "/production/settings/api-keys/new",
			"/production/settings/api-keys/" + id + "/revoke", "/sandbox/settings/api-keys"} {
			if c.get(path); strings.Contains(c.body, secret) || strings.Contains(c.body, key) {
				t.Errorf("%s shows it again", path)
			}
		}
	}
}

// A HEAD, a wrong id and another person's session get nothing, and take nothing away.
func TestPortalSecretBelongsToItsMaker(t *testing.T) {
	w, _, p := newPortalTest(t, Options{})
	b := browse(t, p)
	b.signIn("ada")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.post("/production/settings/api-keys", "name", "mine").sees(http.StatusSeeOther)
	page := b.header.Get("Location")
	b.do(http.MethodHead, page, nil)
	b.get("/production/settings/api-keys/key_000000000000000000000000/secret").sees(http.StatusGone)
	gil := browse(t, p)
	gil.signIn("gil")
	gil.get(page).sees(http.StatusGone)
	b.get(page).sees(http.StatusOK, "shown this once")
	if len(w.Keys(Globex, Production)) != 0 {
		t.Error("another organisation has a pair")
	}
}

func TestPortalLimit(t *testing.T) {
	w, _, p := newPortalTest(t, Options{Propagation: time.Hour})
	b := browse(t, p)
	b.signIn("ada")
	b.make(Production, "one")
	b.make(Production, "two")
	b.get("/production/settings/api-keys/new").sees(http.StatusConflict, "2 of 2 API keys in production")
	b.post("/production/settings/api-keys", "name", "three").sees(http.StatusConflict, "Nothing was created")
	if n := len(w.Keys(Acme, Production)); n != 2 {
		t.Errorf("%d pairs", n)
	}
	id := w.Keys(Acme, Production)[0].ID
	b.post("/production/settings/api-keys/"+id+"/revoke", "confirm", "one").sees(http.StatusOK, "2 of 2 keys")
	b.make(Sandbox, "another environment")
}

// What broke, with and without effect, gives a page that says where to look, and no secret.
func TestPortalBreaks(t *testing.T) {
	for name, tc := range map[string]struct {
		do    Effect
		pairs int
	}{"before": {FailBefore, 0}, "after": {FailAfter, 1}} {
		t.Run(name, func(t *testing.T) {
			w, _, p := newPortalTest(t, Options{})
			w.Inject(Fault{Path: portalCreate, Do: tc.do})
			b := browse(t, p)
			b.signIn("ada")
			b.post("/production/settings/api-keys", "name", "lost").sees(http.StatusInternalServerError, "went wrong on our side",
				"is for the list of API keys to say")
			if n := len(w.Keys(Acme, Production)); n != tc.pairs {
				t.Errorf("%d pairs, want %d", n, tc.pairs)
			}
		})
	}
}

func TestPortalEscapes(t *testing.T) {
	w, _, p := newPortalTest(t, Options{LiveLimit: 9})
	b := browse(t, p)
	b.signIn("ada")
	const nasty = `<script>alert("1")</script>&'"`
	b.make(Production, nasty)
	id := onlyKey(t, w, Acme, Production).ID
	b.post("/production/settings/api-keys", "name", nasty+strings.Repeat("x", nameLimit)).sees(http.StatusUnprocessableEntity, "at most 120")
	pages := []string{b.body}
	for _, path := range []string{"", "/" + id + "/revoke"} {
		pages = append(pages, b.get("/production/settings/api-keys"+path).sees(http.StatusOK, "&lt;script&gt;").body)
	}
	pages = append(pages, b.post("/production/settings/api-keys/"+id+"/disable").body)
	for i, page := range pages {
		if strings.Contains(page, "<script") || strings.Contains(page, `alert("`) {
			t.Errorf("page %d takes a name for markup", i)
		}
	}
	for _, name := range []string{"", "  \t ", "bell\a", "\xff"} {
		b.post("/production/settings/api-keys", "name", name).sees(http.StatusUnprocessableEntity)
	}
	if onlyKey(t, w, Acme, Production).Name != nasty {
		t.Error("the name was changed, or another pair was made")
	}
}

// Posts from another site, requests under another host name, and pairs of another organisation are turned away.
func TestPortalGuards(t *testing.T) {
	w, _, p := newPortalTest(t, Options{})
	b := browse(t, p)
	b.signIn("ada")
	theirs := create(t, w, Globex, Production)
	form := url.Values{"name": {"forged"}}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://127.0.0.1:1"},
		{"Origin", "null"}} {
		b.do(http.MethodPost, "/production/settings/api-keys", form, header...).sees(http.StatusForbidden, "another site")
	}
	b.do(http.MethodPost, "/sandbox/settings/api-keys", form, "Sec-Fetch-Site", "same-origin", "Origin", p.URL()).sees(http.StatusOK)
	for _, act := range []string{"disable", "enable", "revoke"} {
		b.post("/production/settings/api-keys/"+theirs.ID+"/"+act, "confirm", "test").sees(http.StatusNotFound)
	}
	if len(w.Keys(Acme, Production)) != 0 || onlyKey(t, w, Globex, Production).Status != Active {
		t.Error("a forged post had an effect")
	}
	b.get("/staging/settings/api-keys").sees(http.StatusNotFound)
	b.get("/production/nothing").sees(http.StatusNotFound)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "portal.example"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another name is answered with %d", answer.StatusCode)
	}
}

// Every page: one heading, a language, nothing that only a script could do, every input with its label.
func TestPortalPagesAreUsable(t *testing.T) {
	w, _, p := newPortalTest(t, Options{})
	b := browse(t, p)
	pages := map[string]string{"sign in": b.get("/").body}
	pages["overview"] = b.signIn("ada").body
	pages["new"] = b.get("/production/settings/api-keys/new").body
	b.make(Production, "one")
	pages["shown"] = b.body
	id := onlyKey(t, w, Acme, Production).ID
	pages["list"] = b.get("/production/settings/api-keys").body
	pages["revoke"] = b.get("/production/settings/api-keys/" + id + "/revoke").body
	b.make(Production, "two")
	pages["limit"] = b.get("/production/settings/api-keys/new").body
	pages["none"] = b.get("/none").body
	for name, page := range pages {
		for _, want := range []string{"<h1", "<main"} {
			if strings.Count(page, want) != 1 {
				t.Errorf("%s: %s %d times", name, want, strings.Count(page, want))
			}
		}
		if !strings.Contains(page, `<html lang="en">`) || !strings.Contains(page, "width=device-width") || strings.Contains(page, "<script") {
			t.Errorf("%s: no language, no width, or a script", name)
		}
		for _, input := range regexp.MustCompile(`<input[^>]+id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if !strings.Contains(page, fmt.Sprintf(`<label for="%s"`, input[1])) {
				t.Errorf("%s: input %s has no label", name, input[1])
			}
		}
	}
}

// A world goes on from the state of another: same pairs, same answers, no key or secret in between.
func TestWorldGoesOn(t *testing.T) {
	var saved []byte
	first, c := newTestWorld(t, Options{Propagation: time.Hour, Save: func(b []byte) error { saved = b; return nil }})
	kept, revoked := create(t, first, Acme, Production), create(t, first, Acme, Production)
	if err := first.Delete(revoked.ID); err != nil {
		t.Fatal(err)
	}
	if string(saved) != string(first.State()) {
		t.Error("what was saved is not the state after the last act")
	}
	for _, s := range []Shown{kept, revoked} {
		if holds(string(saved), s) {
			t.Error("the state holds a key or a secret")
		}
	}
	at := map[string]string{}
	for environment, s := range first.servers {
		at[environment] = s.address()
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := New(Options{Now: c.now, Propagation: time.Hour, Resume: saved, At: at})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	if got, want := second.Keys(Acme, Production), first.Keys(Acme, Production); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("pairs %v, want %v", got, want)
	}
	if second.URL(Production) != first.URL(Production) {
		t.Error("another address although the old one is free")
	}
	for _, step := range []struct{ kept, revoked int }{{200, 200}, {200, 401}} {
		if got := second.answerTo(t, Production, kept.Key, kept.Secret); got != step.kept {
			t.Errorf("the kept pair: %d", got)
		}
		if got := second.answerTo(t, Production, revoked.Key, revoked.Secret); got != step.revoked {
			t.Errorf("the revoked pair: %d", got)
		}
		c.pass(time.Hour)
	}
}

func TestWorldStateRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"seed":"x","pairs":[{"id":"key_1"}]}`} {
		if w, err := New(Options{Now: time.Now, Resume: []byte(text)}); err == nil {
			_ = w.Close()
			t.Errorf("%q was taken for a state", text)
		}
	}
	w, _ := newTestWorld(t, Options{Save: func([]byte) error { return errors.New("the disk is full") }})
	if _, err := w.Create(Acme, Production, "x"); !errors.Is(err, ErrPortal) {
		t.Errorf("a portal that could not save said %v", err)
	}
}

// An address that is taken, or is not loopback, gives way to a free one.
func TestAddressGivesWay(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	taken := w.servers[Sandbox].address()
	for _, at := range []string{taken, "0.0.0.0:0", "nonsense"} {
		p, err := NewPortal(w, PortalOptions{At: at})
		if err != nil {
			t.Fatal(err)
		}
		if u := p.URL(); !strings.HasPrefix(u, "http://127.0.0.1:") || u == "http://"+taken {
			t.Errorf("at %s it listens on %s", at, u)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
