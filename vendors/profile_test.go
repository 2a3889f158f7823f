package vendors

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/internal/strict"
)

// builtin is read once: most tests only need a profile.
var builtin = sync.OnceValues(Builtin)

func bluum(t *testing.T) Profile {
	t.Helper()
	all, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Name != "bluum" {
		t.Fatalf("%d built-in profiles", len(all))
	}
	return all[0]
}

// onlyBluum is what a reader of profile files knows at first.
func onlyBluum(t *testing.T) func(string) (Profile, bool) {
	p := bluum(t)
	return func(name string) (Profile, bool) { return p, name == "bluum" }
}

func TestBluumHoldsTheDocumentedFacts(t *testing.T) {
	p := bluum(t)
	sandbox, production := p.Environments["sandbox"], p.Environments["production"]
	from, to := sandbox.Quiet.Span()
	none, _ := production.Quiet.Span()
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"sandbox", sandbox.Base, "https://sandbox.api.bluum.finance/v1"},
		{"production", production.Base, "https://api.bluum.finance/v1"},
		{"sandbox aliases", sandbox.Aliases, []Alias{{"https://sandbox.api.bluumfinance.com/v1", "newer"},
			{"https://test-service.bluumfinance.com/v1", "legacy"}}},
		{"production aliases", production.Aliases, []Alias{{"https://api.bluumfinance.com/v1", "newer"},
			{"https://service.bluumfinance.com/v1", "legacy"}}},
		{"rates", []float64{sandbox.Rate, production.Rate}, []float64{10, 25}},
		{"quiet", []time.Duration{from, to, none}, []time.Duration{23*time.Hour + 55*time.Minute, 15 * time.Minute, 0}},
		{"live pairs", p.Lifecycle.LivePairs, 2},
		{"propagation", time.Duration(p.Lifecycle.Propagation), 75 * time.Minute},
		{"disable", p.Lifecycle.CanDisable(), false},
		{"lifecycle", p.Lifecycle.Kind, "overlap"},
		{"fields", p.FieldNames(), []string{"key", "secret"}},
		{"key field", p.KeyField(), "key"},
		{"variables", []string{p.Fields["key"].Env, p.Fields["secret"].Env}, []string{"BLUUM_API_KEY", "BLUUM_API_SECRET"}},
		{"auth", p.Auth.Basic, Basic{"key", "secret"}},
		{"probe", p.Probes[p.Probe], Probe{"/accounts", 200, []string{"data[].id", "[].id"}}},
		{"other probe", p.Probes["assets"], Probe{Path: "/assets", Expect: 200}},
		{"environment", p.NamesEnvironment(), true},
		{"logs", time.Duration(p.Logs.Keep), 720 * time.Hour},
		{"webhooks", p.Webhooks, Webhooks{"POST", "/webhooks", "secret"}},
		{"issuer", p.Issuer.Calls["revoke"].Path, "/investors/{investor_id}/api-keys/{api_key_id}/revoke"},
		{"order", p.Validation.Calls["order"].Expect, []int{201}},
		{"support", p.Contacts["support"].Confirmed, false},
		{"idempotency", time.Duration(p.Idempotency.Kept), 24 * time.Hour},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

func TestBluumCodes(t *testing.T) {
	want := map[string]string{"BLUM-401-001": "unclear", "BLUM-401-002": "unclear", "BLUM-401-003": "refused",
		"BLUM-401-004": "refused", "BLUM-401-005": "refused", "BLUM-403-003": "unclear", "BLUM-429-001": "unclear"}
	got := map[string]string{}
	for code, says := range bluum(t).Answers.Codes {
		got[code] = says.Verdict
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSteps(t *testing.T) {
	p := bluum(t)
	create := strings.Join(p.Steps("create", "Acme {name}", "production", "qt-7"), "\n")
	for _, want := range []string{"Settings → API Keys", "organisation Acme {name} and the environment production", "name it qt-7"} {
		if !strings.Contains(create, want) {
			t.Errorf("%q is not in\n%s", want, create)
		}
	}
	revoke := strings.Join(p.Steps("revoke", "", "sandbox", "old"), "\n")
	if !strings.Contains(revoke, "the organisation that owns this key and the environment sandbox") || strings.Contains(revoke, "{") {
		t.Error(revoke)
	}
	if p.Steps("disable", "a", "b", "c") != nil || p.Steps("dance", "a", "b", "c") != nil {
		t.Error("steps that the profile does not have")
	}
}

func TestThereIsNoDefaultEnvironment(t *testing.T) {
	for _, name := range []string{"", "prod", "Production"} {
		if _, err := bluum(t).Env(name); err == nil || !strings.Contains(err.Error(), "production, sandbox") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestQuietWindow(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.DateTime, "2026-"+s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	wraps, plain := Quiet{From: "23:55", To: "00:15"}, Quiet{From: "02:00", To: "03:00"}
	for _, c := range []struct {
		q        Quiet
		now, end string
	}{
		{wraps, "12-31 23:54:59", ""}, {wraps, "11-30 23:55:00", "12-01 00:15:00"}, {wraps, "11-30 00:00:00", "11-30 00:15:00"},
		{wraps, "11-30 00:14:59", "11-30 00:15:00"}, {wraps, "11-30 00:15:00", ""}, {wraps, "11-30 12:00:00", ""},
		{plain, "11-30 01:59:59", ""}, {plain, "11-30 02:00:00", "11-30 03:00:00"}, {plain, "11-30 03:00:00", ""},
		{Quiet{}, "11-30 00:00:00", ""}, {Quiet{From: "05:00", To: "05:00"}, "11-30 05:00:00", ""},
	} {
		end, quiet := c.q.End(at(c.now).In(time.FixedZone("west", -7*3600)))
		if quiet != (c.end != "") || quiet && !end.Equal(at(c.end)) {
			t.Errorf("%v at %s: %v %v", c.q, c.now, end, quiet)
		}
	}
}

func TestSchemaIsACopy(t *testing.T) {
	first := Schema()
	if !json.Valid(first) {
		t.Fatal("not JSON")
	}
	first[0] = 'x'
	if Schema()[0] != '{' {
		t.Error("the schema was changed from outside")
	}
}

func TestExtends(t *testing.T) {
	p, err := Parse("mine.yaml", []byte(`
name: bluum-newer
extends: bluum
probe: assets
environments:
  production: {base: "https://api.bluumfinance.com/v1/", aliases: []}
answers:
  codes:
    BLUM-401-005: {verdict: unclear}
    BLUM-401-009: {status: 401, verdict: refused, means: the key is locked}
`), onlyBluum(t))
	if err != nil {
		t.Fatal(err)
	}
	base := bluum(t)
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"name", p.Name, "bluum-newer"},
		{"a scalar", p.Environments["production"].Base, "https://api.bluumfinance.com/v1"},
		{"a list", len(p.Environments["production"].Aliases), 0},
		{"what stays beside it", p.Environments["production"].Rate, 25.0},
		{"another entry", p.Environments["sandbox"], base.Environments["sandbox"]},
		{"deep", p.Answers.Codes["BLUM-401-005"], Says{401, "unclear", "the key has expired"}},
		{"added", p.Answers.Codes["BLUM-401-009"], Says{401, "refused", "the key is locked"}},
		{"the base", base.Answers.Codes["BLUM-401-005"].Verdict, "refused"},
		{"the base's hosts", base.Environments["production"].Base, "https://api.bluum.finance/v1"},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
	again, err := Parse("more.yaml", []byte("name: third\nextends: bluum-newer\n"), func(string) (Profile, bool) { return p, true })
	if err != nil || again.Probe != "assets" {
		t.Errorf("a profile that extends one that extends: %v %v", again.Probe, err)
	}
}

const small = `
name: acme
title: Acme
lifecycle: {kind: overlap, live_pairs: 2, propagation: 1h, disable: impossible, failing_probes: true}
fields: {id: {title: id, public: true}, token: {title: token}}
auth: {basic: {username: id, password: token}}
environments: {live: {base: "https://api.acme.example"}}
probe: me
probes: {me: {path: /me, expect: 200}}
answers:
  lists: [{name: list, items: "[]"}]
  code: {at: [code], form: "[a-z]+"}
  codes: {dead: {status: 401, verdict: refused, means: dead}}
portal: {create: ["make {name}"], revoke: ["end {name}"]}
`

func TestACompleteProfileOfOneself(t *testing.T) {
	if p, err := Parse("acme.yaml", []byte(small), unknown); err != nil || p.KeyField() != "id" {
		t.Fatal(p, err)
	}
}

func TestWrongProfiles(t *testing.T) {
	for _, c := range []struct{ name, from, to, field, what string }{
		{"plain http", "https://api", "http://api", "environments.live.base", "plain http"},
		{"user in URL", "https://api", "https://u:p4ssw0rd@api", "environments.live.base", "credentials"},
		{"query", "acme.example\"", "acme.example?k=v\"", "environments.live.base", "query"},
		{"short propagation", "1h", "9m", "lifecycle.propagation", "too short"},
		{"one host twice", `{live: {base: "https://api.acme.example"}}`,
			`{live: {base: "https://api.acme.example"}, test: {base: "https://API.acme.example:443/t"}}`, "environments.test.base", "same host"},
		{"alias is another's host", `{live: {base: "https://api.acme.example"}}`,
			`{live: {base: "https://api.acme.example"}, test: {base: "https://t.acme.example", aliases: [{base: "https://api.acme.example"}]}}`,
			"environments.test.base", "same host"},
		{"no environment's base", `{base: "https://api.acme.example"}`, `{rate: 3}`, "environments.live.base", "missing"},
		{"no such probe", "probe: me", "probe: you", "probe", "no such probe"},
		{"one live pair", "live_pairs: 2", "live_pairs: 1", "lifecycle.live_pairs", "overlap"},
		{"no disable steps", "disable: impossible", "disable: possible", "lifecycle.disable", "no steps"},
		{"no public field", ", public: true", "", "fields", "public"},
		{"unknown auth field", "username: id", "username: idd", "auth.basic.username", "no such field"},
		{"one auth field", "username: id", "username: token", "auth.basic", "one field"},
		{"bad form", `"[a-z]+"`, `"[a-z"`, "answers.code.form", "regular expression"},
		{"form that escapes", `"[a-z]+"`, `"a)|(b"`, "answers.code.form", "regular expression"},
		{"code outside the form", "dead: {", "DEAD: {", "answers.codes.DEAD", "never be seen"},
		{"refused by 429", "status: 401", "status: 429", "answers.codes.dead.verdict", "never says"},
		{"refused by 500", "status: 401", "status: 500", "answers.codes.dead.verdict", "never says"},
		{"accepted by code", "verdict: refused", "verdict: accepted", "answers.codes.dead.verdict", "none of the allowed words"},
		{"placeholder", "make {name}", "make {nam}", "portal.create[0]", "placeholder"},
		{"unknown field", "probe: me", "probe: me\nprob: x", "prob", "unknown field"},
		{"missing lists", `  lists: [{name: list, items: "[]"}]`, "", "answers.lists", "missing"},
		{"unknown base", "title: Acme", "extends: acne", "extends", "no profile"},
		{"lengths", "{title: token}", "{title: token, length: {min: 20, max: 10}}", "fields.token.length", "above"},
		{"hint", "{title: token}", "{title: token, prefixes: [{prefix: a, environment: x}]}",
			"fields.token.prefixes[0].environment", "no such environment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.from, c.to, 1)
			if text == small {
				t.Fatal("the case changes nothing")
			}
			p, err := Parse("acme.yaml", []byte(text), unknown)
			found, ok := errors.AsType[strict.Problems](err)
			if !ok || p.Name != "" {
				t.Fatalf("got %q and %T %v", p.Name, err, err)
			}
			if first := found[0]; first.Field != c.field || !strings.Contains(first.What, c.what) || first.Line == 0 {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), "p4ssw0rd") {
				t.Error("leaked")
			}
		})
	}
}

func TestEveryProblemIsSaidAtOnce(t *testing.T) {
	text := strings.NewReplacer("probe: me", "probe: you", "1h", "1m", "username: id", "username: x").Replace(small)
	_, err := Parse("acme.yaml", []byte(text), unknown)
	if found, _ := errors.AsType[strict.Problems](err); len(found) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestAProblemOfAnExtensionIsPlacedInItsFile(t *testing.T) {
	_, err := Parse("mine.yaml", []byte("name: mine\nextends: bluum\nenvironments:\n  staging: {rate: 3}\n"), onlyBluum(t))
	found, _ := errors.AsType[strict.Problems](err)
	if len(found) != 1 || found[0].Line != 4 || found[0].Field != "environments.staging.base" || found[0].What != "missing" {
		t.Errorf("got %v", err)
	}
}

func TestLoopbackMayPropagateFast(t *testing.T) {
	text := strings.NewReplacer("https://api.acme.example", "http://127.0.0.1:8080", "1h", "5s").Replace(small)
	if _, err := Parse("acme.yaml", []byte(text), unknown); err != nil {
		t.Error(err)
	}
}

func TestWithHosts(t *testing.T) {
	p := bluum(t)
	aimed, err := p.WithHosts(map[string]string{"sandbox": "http://127.0.0.1:7001/v1/", "production": "https://[::1]:7002/v1"})
	if err != nil {
		t.Fatal(err)
	}
	e := aimed.Environments["sandbox"]
	if e.Base != "http://127.0.0.1:7001/v1" || e.Host() != "127.0.0.1:7001" || e.Aliases != nil || e.Rate != 10 {
		t.Errorf("got %+v", e)
	}
	if aimed.Lifecycle.Propagation != p.Lifecycle.Propagation || p.Environments["sandbox"].Host() != "sandbox.api.bluum.finance" {
		t.Error("something else changed")
	}
	if _, err := Parse("x.yaml", []byte("name: x\nextends: bluum"), func(string) (Profile, bool) { return aimed, true }); err == nil {
		t.Error("a redirected profile can be extended")
	}
}

func TestWithHostsRefuses(t *testing.T) {
	for name, hosts := range map[string]map[string]string{
		"another machine":     {"sandbox": "http://127.0.0.1:1", "production": "https://192.0.2.1"},
		"half":                {"sandbox": "http://127.0.0.1:1"},
		"nothing":             nil,
		"one host":            {"sandbox": "http://127.0.0.1:1/a", "production": "http://127.0.0.1:1/b"},
		"unknown environment": {"staging": "http://127.0.0.1:1"},
		"no URL":              {"sandbox": "::", "production": "http://127.0.0.1:2"},
		"a query":             {"sandbox": "http://127.0.0.1:1?x=y", "production": "http://127.0.0.1:2"},
	} {
		if p, err := bluum(t).WithHosts(hosts); err == nil || p.Name != "" {
			t.Errorf("%s: %v", name, p.Environments)
		}
	}
}
