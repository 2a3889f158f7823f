package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"quarterturn/internal/config"
	"quarterturn/internal/strict"
	"quarterturn/policies"
)

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	c, err := config.Load(path, kinds())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "quarterturn.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSmallest(t *testing.T) {
	c := load(t, "testdata/good/smallest.yaml")
	dir, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Path: "testdata/good/smallest.yaml", Dir: dir,
		Ledger:      config.Ledger{Kind: "sqlite", Path: filepath.Join(dir, "quarterturn.db")},
		Seal:        config.Seal{Recipients: []string{"age1qqqqqqqqqqqqqqqqqqqq"}},
		Fingerprint: config.Fingerprint{KeyFile: filepath.Join(dir, "fingerprint.key")},
		KeepCalls:   config.DefaultKeepCalls,
		Files:       []string{"testdata/good/smallest.yaml"},
		Credentials: []config.Credential{{
			Name: "bluum-production", Vendor: "bluum", Environment: "production",
			Policy: policies.Quarterly(), Owner: "owner@payments.example",
			Places: []config.Place{{Name: "env", Kind: "dotenv", Fields: map[string]string{"key": "BLUUM_API_KEY", "secret": "BLUUM_API_SECRET"}}},
			Consumers: []config.Consumer{{Name: "app", Reads: []string{"env"}, ProveWithin: config.DefaultProveWithin,
				Redeploy: &config.Setting{Kind: "command"}}},
		}},
	}
	ignore := []cmp.Option{
		cmpopts.IgnoreFields(config.Credential{}, "Digest", "Parts", "Where"), cmpopts.IgnoreFields(config.Place{}, "Settings"),
		cmpopts.IgnoreFields(config.Setting{}, "Settings"), cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(want, c, ignore...); diff != "" {
		t.Error(diff)
	}
}

func TestFull(t *testing.T) {
	c := load(t, "testdata/good/full.yaml")
	if c.Seal.IdentityFile != "/run/secrets/seal.key" || c.KeepCalls != 30*24*time.Hour || len(c.Profiles) != 1 {
		t.Errorf("got %+v", c)
	}
	one, daily, silent := c.Credentials[0], c.Credentials[1], c.Credentials[2]
	const day = 24 * time.Hour
	want := policies.Policy{
		Name: "yearly", MaxAge: 90 * day, RotateAt: 75 * day, Remind: []time.Duration{15 * day, 7 * day, day}, Overlap: 48 * time.Hour,
		EscalateAfter:     48 * time.Hour,
		ApproveRevocation: policies.SecondPerson,
		Freezes: []policies.Freeze{{From: time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC),
			To: time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC), Reason: "year end"}},
	}
	if diff := cmp.Diff(want, one.Policy); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]time.Duration{day}, daily.Policy.Remind); diff != "" {
		t.Error(diff)
	}
	if len(silent.Policy.Remind) != 0 || daily.Policy.Overlap != day || daily.Policy.ApproveRevocation != policies.NoApproval {
		t.Errorf("got %+v and %+v", silent.Policy, daily.Policy)
	}
	if one.Organisation != "Acme Trading" || one.Deputy != "deputy@payments.example" || len(one.Approvers) != 2 {
		t.Errorf("got %+v", one)
	}
	if one.Places[1].Follows != "env" || one.Consumers[0].ProveWithin != 5*time.Minute || one.Consumers[1].Redeploy != nil {
		t.Errorf("got %+v", one)
	}
	wantNotes := `testdata/good/full.yaml:28:9: credentials[0].places[2]: read by no consumer; name it in a consumer's reads, if anything uses it
testdata/good/full.yaml:37:15: credentials[1].places[0]: read by no consumer; name it in a consumer's reads, if anything uses it
testdata/good/full.yaml:39:15: credentials[2].places[0]: read by no consumer; name it in a consumer's reads, if anything uses it`
	if diff := cmp.Diff(wantNotes, c.Notes.Error()); diff != "" {
		t.Error(diff)
	}
}

// Policies of every good file pass the rules that policies has of its own.
func TestPoliciesAreValid(t *testing.T) {
	for _, file := range files(t, "testdata/good/*.yaml") {
		for _, c := range load(t, file).Credentials {
			if bad := c.Policy.Validate(); bad != nil {
				t.Errorf("%s: %s: %v", file, c.Name, bad)
			}
		}
	}
}

func TestSettingsAreDecodedByTheirKind(t *testing.T) {
	one := load(t, "testdata/good/full.yaml").Credentials[0]
	var env dotenvSettings
	if err := one.Places[0].Settings.Decode(&env); err != nil || env != (dotenvSettings{"app.env", "GENERATION"}) {
		t.Errorf("got %+v, %v", env, err)
	}
	var argv []string
	if err := one.Consumers[0].Redeploy.Settings.Decode(&argv); err != nil || strings.Join(argv, " ") != "systemctl restart app" {
		t.Errorf("got %v, %v", argv, err)
	}
	problem := one.Consumers[0].Proof.Settings.Problem("refused", "correct it", "url").Error()
	if want := "testdata/good/full.yaml:33:29: credentials[0].consumers[0].proof.http.url: refused; correct it"; problem != want {
		t.Errorf("got %s, want %s", problem, want)
	}
}

func TestResolve(t *testing.T) {
	c := config.Config{Dir: "/etc/quarterturn"}
	for path, want := range map[string]string{"app.env": "/etc/quarterturn/app.env", "../a": "/etc/a", "/srv/app.env": "/srv/app.env", "": ""} {
		if got := c.Resolve(path); got != want {
			t.Errorf("%q became %q, want %q", path, got, want)
		}
	}
}

func TestOwnerAloneCannotApprove(t *testing.T) {
	c := load(t, write(t, strings.ReplaceAll(text(t, "testdata/good/full.yaml"),
		"[lead@security.example, second@security.example]", "[owner@payments.example]")))
	if !strings.Contains(c.Notes.Error(), "people.payments.approvers: only the owner can approve") {
		t.Errorf("got %s", c.Notes.Error())
	}
}

func TestDigest(t *testing.T) {
	original := text(t, "testdata/good/full.yaml")
	before := load(t, "testdata/good/full.yaml").Credentials[0].Digest
	if len(before) != 64 {
		t.Fatalf("got %q", before)
	}
	changed := func(old, replacement string) string {
		if !strings.Contains(original, old) {
			t.Fatalf("%s is not in the file", old)
		}
		return load(t, write(t, strings.Replace(original, old, replacement, 1))).Credentials[0].Digest
	}
	for old, same := range map[string]string{
		"# Everything that can be said.":                              "# Another comment.\n",
		"{file: app.env, label: GENERATION}":                          "{label: \"GENERATION\", file: 'app.env'}",
		"organisation: Acme Trading":                                  "organisation: \"Acme Trading\" # as the portal shows it",
		"reads: [env, copy]":                                          "reads:\n          - copy\n          - env",
		"remind: [1d, 15d, 7d]":                                       "remind: [15d, 7d, 24h]",
		"approvers: [lead@security.example, second@security.example]": "approvers: [second@security.example, lead@security.example]",
		"calls: {keep: 30d}":                                          "calls: {keep: 31d}",
		"policy: daily":                                               "policy: silent",
		"prove_within: 5m":                                            "prove_within: 300s",
		"- {name: other, reads: [env]}":                               "- {name: other, reads: [env], prove_within: 10m}",
		"deputy: deputy@payments.example, ":                           "deputy: \"deputy@payments.example\", ",
		"ledger: sqlite:quarterturn.db":                               "ledger: sqlite:other.db",
		"fields: {key: BLUUM_API_KEY, secret":                         "fields: { \"key\": BLUUM_API_KEY, secret",
	} {
		if changed(old, same) != before {
			t.Errorf("%s changed the digest", same)
		}
	}
	for old, other := range map[string]string{
		"overlap: 48h":                         "overlap: 47h",
		"reason: year end":                     "reason: end of year",
		"label: GENERATION":                    "label: GENERATIO",
		"organisation: Acme Trading":           "organisation: Acme",
		"key: BLUUM_API_KEY":                   "key: BLUUM_KEY",
		"environment: production":              "environment: sandbox",
		"second@security.example":              "third@security.example",
		"[systemctl, restart, app]":            "[systemctl, restart, api]",
		"fingerprint: \"$.print\"":             "fingerprint: \"$.other\"",
		"prove_within: 5m":                     "prove_within: 6m",
		"approve_revocation: second_person":    "approve_revocation: none",
		"BLUUM_API_SECRET}, follows: env":      "BLUUM_API_SECRET}",
		"- {name: other, reads: [env]}":        "- {name: other, reads: [copy]}",
		"remind: [1d, 15d, 7d]":                "remind: [1d, 15d]",
		"{owner: owner@payments.example":       "{owner: other@payments.example",
		"rotate_at: 75d":                       "rotate_at: 74d",
		"from: 2026-12-20":                     "from: 2026-12-21",
		"- {name: backup, dotenv: {file: back": "- {name: backup, dotenv: {file: buck",
	} {
		if changed(old, other) == before {
			t.Errorf("%s did not change the digest", other)
		}
	}
}

func TestSchemaGolden(t *testing.T) {
	schema, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/schema.golden.json", string(schema))
}

// beyondSchema are the broken files whose findings no JSON Schema can express.
var beyondSchema = []string{
	"connection-inline.yaml", "connection-other-kind.yaml", "connection-same-entry.yaml", "connection-several.yaml",
	"connection-unknown.yaml", "environments-mix.yaml", "include-circle.yaml", "include-entry.yaml",
	"include-folder.yaml", "include-forbidden.yaml", "include-forms.yaml", "include-list.yaml", "include-main.yaml",
	"include-missing.yaml", "include-none.yaml", "include-patterns.yaml", "include-self.yaml", "include-syntax.yaml",
	"include-template.yaml", "include-twice.yaml", "no-people.yaml", "notify-on.yaml", "policy-missing.yaml",
	"profiles-unreadable.yaml", "second-person.yaml", "template-circle.yaml", "template-missing.yaml",
	"template-parent.yaml", "template-placeholders.yaml", "template-same-entry.yaml", "template-unknown.yaml",
	"template-value.yaml", "vendor.yaml",
}

// An editor that uses the published schema with any validator says the same as Load.
func TestSchemaAgreesWithLoad(t *testing.T) {
	published, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	schema := compile(t, published)
	for _, file := range files(t, "testdata/good/*.yaml") {
		if err := schema.Validate(value(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	var accepted []string
	for _, file := range files(t, "testdata/broken/*.yaml") {
		if v := value(t, file); v != nil && schema.Validate(v) == nil {
			accepted = append(accepted, filepath.Base(file))
		}
	}
	if diff := cmp.Diff(beyondSchema, accepted); diff != "" {
		t.Error(diff)
	}
}

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("https://schemas.example/quarterturn.json", raw); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("https://schemas.example/quarterturn.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// value is the file as JSON, nil when it is no readable YAML.
func value(t *testing.T, file string) any {
	t.Helper()
	d, err := strict.Parse(file, []byte(text(t, file)))
	if err != nil {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Canonical()))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
