package sim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAuthorization(t *testing.T) {
	for _, newer := range []bool{false, true} {
		w, _ := newTestWorld(t, Options{Newer: newer})
		s, other := create(t, w, Acme, Sandbox), create(t, w, Globex, Sandbox)
		basic := func(text string) []string {
			return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(text))}
		}
		for name, tc := range map[string]struct {
			header []string
			want   string
		}{
			"right":               {basic(s.Key + ":" + s.Secret), "200"},
			"no header":           {nil, codeMissing},
			"empty header":        {[]string{""}, codeMalformed},
			"bearer":              {[]string{"Bearer " + s.Secret}, codeMalformed},
			"no base64":           {[]string{"Basic " + s.Key + ":" + s.Secret}, codeMalformed},
			"no colon":            {basic(s.Key), codeMalformed},
			"no key":              {basic(":" + s.Secret), codeMalformed},
			"no secret":           {basic(s.Key + ":"), codeMalformed},
			"two headers":         {append(basic(s.Key+":"+s.Secret), basic(s.Key+":"+s.Secret)...), codeMalformed},
			"unknown key":         {basic("test_bluum_0:" + s.Secret), codeInvalid},
			"wrong secret":        {basic(s.Key + ":" + s.Secret[1:]), codeInvalid},
			"secret with newline": {basic(s.Key + ":" + s.Secret + "\n"), codeInvalid},
			"swapped":             {basic(s.Secret + ":" + s.Key), codeInvalid},
			"mixed pairs":         {basic(s.Key + ":" + other.Secret), codeInvalid},
		} {
			r := request(t, http.MethodGet, w.URL(Sandbox)+"/accounts")
			r.Header["Authorization"] = tc.header
			if got := do(t, r).said(); got != tc.want {
				t.Errorf("newer %v, %s: %s, want %s", newer, name, got, tc.want)
			}
		}
	}
}

func TestStateIsToldOnlyToWhoKnowsTheSecret(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	must(t, w.Disable(s.ID))
	if got := ask(t, w, Production, s.Key, strings.Repeat("0", 64)).said(); got != codeInvalid {
		t.Errorf("a wrong secret learns %s", got)
	}
	if got := askAs(t, w, Sandbox, s).said(); got != codeInvalid {
		t.Errorf("the other environment tells %s", got)
	}
}

func TestEnvironmentsDoNotMix(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	for _, at := range []string{Sandbox, Production} {
		for _, of := range []string{Sandbox, Production} {
			s := create(t, w, Acme, of)
			want := map[bool]string{true: "200", false: codeInvalid}[at == of]
			if got := askAs(t, w, at, s).said(); got != want {
				t.Errorf("a %s pair at %s: %s, want %s", of, at, got, want)
			}
			must(t, w.Delete(s.ID))
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	for _, tc := range []struct{ method, path, want string }{
		{"GET", "/accounts", "200"},
		{"GET", "/accounts?limit=1", "200"},
		{"GET", "/assets", "200"},
		{"GET", "/accounts/", codeNotFound},
		{"GET", "", codeNotFound},
		{"GET", "/investors", codeNotFound},
		{"POST", "/accounts", codeMethod},
		{"DELETE", "/assets", codeMethod},
		{"POST", "/nothing", codeNotFound},
	} {
		r := request(t, tc.method, w.URL(Production)+tc.path)
		if got := do(t, r).said(); got != codeMissing {
			t.Errorf("%s %s without a pair: %s", tc.method, tc.path, got)
		}
		r.SetBasicAuth(s.Key, s.Secret)
		got := do(t, r)
		if got.said() != tc.want || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s: %s, want %s", tc.method, tc.path, got.said(), tc.want)
		}
		if (got.header.Get("Allow") == "GET") != (tc.want == codeMethod) {
			t.Errorf("%s %s: Allow is %q", tc.method, tc.path, got.header.Get("Allow"))
		}
	}
}

func TestOlderShapes(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	ok, refused := askAs(t, w, Production, s), ask(t, w, Production, "nobody", "nothing")

	var list []map[string]any
	must(t, json.Unmarshal([]byte(ok.body), &list))
	if len(list) == 0 || list[0]["id"] == "" || list[0]["livemode"] != nil {
		t.Errorf("accounts: %v", list)
	}
	id := w.Requests()[1].RequestID
	want := fmt.Sprintf(`{"code":"BLUM-401-003","message":"The API key or secret is not valid.","trace_id":"%s"}`, id)
	if strings.TrimSpace(refused.body) != want {
		t.Errorf("error %s, want %s", refused.body, want)
	}
	for _, r := range []reply{ok, refused} {
		if r.header.Get("X-Request-Id") != "" || r.header.Get("X-RateLimit-Remaining") != "" {
			t.Error("a header the older guide does not promise")
		}
		if r.header.Get("Date") != c.now().Format(http.TimeFormat) {
			t.Errorf("Date %s", r.header.Get("Date"))
		}
	}
}

func TestNewerShapes(t *testing.T) {
	w, c := newTestWorld(t, Options{Newer: true})
	for environment, live := range map[string]bool{Sandbox: false, Production: true} {
		got := askAs(t, w, environment, create(t, w, Acme, environment))
		var list struct {
			Object, URL string
			HasMore     *bool `json:"has_more"`
			Livemode    *bool
			Data        []struct {
				Object, ID string
				Livemode   *bool
			}
		}
		must(t, json.Unmarshal([]byte(got.body), &list))
		if list.Object != "list" || list.URL != "/v1/accounts" || list.HasMore == nil || list.Livemode != nil {
			t.Errorf("envelope: %s", got.body)
		}
		for _, item := range list.Data {
			if item.Livemode == nil || *item.Livemode != live || item.Object != "account" || item.ID == "" {
				t.Errorf("item: %+v", item)
			}
		}
		if len(list.Data) == 0 || got.header.Get("X-RateLimit-Remaining") != fmt.Sprint(rate(environment)-1) {
			t.Errorf("%d items, remaining %s", len(list.Data), got.header.Get("X-RateLimit-Remaining"))
		}
	}
	refused := ask(t, w, Sandbox, "nobody", "nothing")
	want := `{"error":{"type":"authentication_error","code":"BLUM-401-003",` +
		`"message":"The API key or secret is not valid.","param":null}}`
	if strings.TrimSpace(refused.body) != want {
		t.Errorf("error %s, want %s", refused.body, want)
	}
	for status, kind := range map[int]string{500: "api_error", 403: "permission_error", 429: "rate_limit_error",
		404: "invalid_request_error"} {
		if got := errorType(status); got != kind {
			t.Errorf("%d is a %s", status, got)
		}
	}
	requests := w.Requests()
	if refused.header.Get("X-Request-Id") != requests[len(requests)-1].RequestID {
		t.Error("the request id is not the logged one")
	}
	if refused.header.Get("Date") != c.now().Format(http.TimeFormat) {
		t.Error(refused.header.Get("Date"))
	}
}

// ids are the ids of a list in either shape.
func ids(t *testing.T, r reply) []string {
	t.Helper()
	type item struct{ ID string }
	var bare []item
	if json.Unmarshal([]byte(r.body), &bare) != nil {
		var list struct{ Data []item }
		must(t, json.Unmarshal([]byte(r.body), &list))
		bare = list.Data
	}
	found := []string{}
	for _, i := range bare {
		found = append(found, i.ID)
	}
	return found
}

func TestTenantsShareAssetsAndNothingElse(t *testing.T) {
	w, _ := newTestWorld(t, Options{LiveLimit: 3})
	a, a2, b := create(t, w, Acme, Production), create(t, w, Acme, Production), create(t, w, Globex, Production)
	accounts := ids(t, askAs(t, w, Production, a))
	if !slices.Equal(accounts, ids(t, askAs(t, w, Production, a2))) || len(accounts) == 0 {
		t.Error("two pairs of one tenant see different accounts")
	}
	for _, stranger := range [][]string{ids(t, askAs(t, w, Production, b)),
		ids(t, askAs(t, w, Sandbox, create(t, w, Acme, Sandbox)))} {
		if len(stranger) == 0 || slices.ContainsFunc(stranger, func(id string) bool { return slices.Contains(accounts, id) }) {
			t.Errorf("%v and %v share an account", accounts, stranger)
		}
	}
	assets := func(s Shown) []string {
		r := request(t, http.MethodGet, w.URL(Production)+"/assets")
		r.SetBasicAuth(s.Key, s.Secret)
		return ids(t, do(t, r))
	}
	if !slices.Equal(assets(a), assets(b)) || len(assets(a)) == 0 {
		t.Error("the market differs between tenants")
	}
}

func TestSandboxIsResetAtMidnight(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	sandbox, production := create(t, w, Acme, Sandbox), create(t, w, Acme, Production)
	c.pass(14*time.Hour - 1) // 23:59:59.999999999
	day, kept := ids(t, askAs(t, w, Sandbox, sandbox)), ids(t, askAs(t, w, Production, production))
	c.pass(1)
	next := ids(t, askAs(t, w, Sandbox, sandbox))
	if slices.ContainsFunc(next, func(id string) bool { return slices.Contains(day, id) }) || len(next) == 0 {
		t.Errorf("sandbox data outlived midnight: %v, %v", day, next)
	}
	if !slices.Equal(kept, ids(t, askAs(t, w, Production, production))) {
		t.Error("production data did not")
	}
}

func TestRateLimit(t *testing.T) {
	for environment, limit := range map[string]int{Sandbox: 10, Production: 25} {
		w, c := newTestWorld(t, Options{Newer: true})
		s, other := create(t, w, Acme, environment), create(t, w, Acme, environment)
		c.pass(400 * time.Millisecond) // the window is any second, not a whole one
		for i := range limit {
			if i == limit-1 {
				c.pass(900 * time.Millisecond)
			}
			got := askAs(t, w, environment, s)
			if got.status != 200 || got.header.Get("X-RateLimit-Remaining") != fmt.Sprint(limit-1-i) {
				t.Fatalf("%s, request %d: %s, %s left", environment, i, got.said(), got.header.Get("X-RateLimit-Remaining"))
			}
		}
		got := askAs(t, w, environment, s)
		if got.said() != codeRate || got.status != 429 || got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %s, retry after %q", environment, got.said(), got.header.Get("Retry-After"))
		}
		if got := askAs(t, w, environment, other).said(); got != "200" {
			t.Errorf("%s: another pair pays for it: %s", environment, got)
		}
		c.pass(100*time.Millisecond - 1)
		if got := askAs(t, w, environment, s).said(); got != codeRate {
			t.Errorf("%s, a nanosecond early: %s", environment, got)
		}
		c.pass(1)
		if got := askAs(t, w, environment, s).said(); got != "200" {
			t.Errorf("%s, a second later: %s", environment, got)
		}
	}
}

func TestRefusedRequestsCountToo(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Sandbox)
	for _, key := range []string{s.Key, "nobody"} {
		for range 10 {
			if got := ask(t, w, Sandbox, key, "wrong").said(); got != codeInvalid {
				t.Fatal(got)
			}
		}
		if got := ask(t, w, Sandbox, key, s.Secret).said(); got != codeRate {
			t.Errorf("eleventh request: %s", got)
		}
	}
}

func TestWindowsForget(t *testing.T) {
	c, s := newClock(), windows{}
	for i := range 100 {
		s.take(fmt.Sprint(i), 10, c.now())
	}
	c.pass(time.Second)
	s.take("last", 10, c.now())
	if len(s) != 1 {
		t.Errorf("%d keys are remembered, want 1", len(s))
	}
}

func TestLastUsed(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	used := func() time.Time { return w.Keys(Acme, Production)[0].LastUsed }
	ask(t, w, Production, s.Key, "wrong")
	if !used().IsZero() {
		t.Error("a refused request used the pair")
	}
	c.pass(time.Minute)
	askAs(t, w, Production, s)
	if !used().Equal(c.now()) {
		t.Error(used())
	}
}
