package config_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/internal/config"
)

func named(t *testing.T, c *config.Config, name string) config.Credential {
	t.Helper()
	i := slices.IndexFunc(c.Credentials, func(one config.Credential) bool { return one.Name == name })
	if i < 0 {
		t.Fatalf("no credential %s", name)
	}
	return c.Credentials[i]
}

// described is everything of a credential that a template can say.
func described(c config.Credential) []string {
	lines := []string{"organisation " + c.Organisation, "owner " + c.Owner}
	for _, p := range c.Places {
		line := p.Name + " " + p.Kind + " " + string(p.Settings.Canonical()) + " " + p.Fields["key"] + " " + p.Follows
		if p.Connection != nil {
			line += " on " + p.Connection.Name + " " + p.Connection.Kind + " " + string(p.Connection.Settings.Canonical())
		}
		lines = append(lines, line)
	}
	for _, one := range c.Consumers {
		line := one.Name + " " + strings.Join(one.Reads, ",")
		if one.Proof != nil {
			line += " " + string(one.Proof.Settings.Canonical())
		}
		lines = append(lines, line)
	}
	return lines
}

func TestDesignExample(t *testing.T) {
	c := load(t, "testdata/good/design.yaml")
	for name, want := range map[string][]string{
		"bluum-production": {"organisation Acme bluum-production", "owner owner@payments.example",
			`vault vault {"path":"kv/bluum/production"} key  on main-vault vault {"address":"https://vault.internal"}`,
			`ci ci {"environment":"production","repository":"acme/trading"} BLUUM_PRODUCTION_API_KEY  on github github_app {"app_id":1234,"key_file":"/run/secrets/github.pem"}`,
			`api-env kubernetes_secret {"name":"bluum-production","namespace":"trading"} key vault`,
			`trading-api api-env {"fingerprint":"$.print","url":"https://trading.internal/healthz/bluum?q={x}"}`,
			`settlement ci "success"`},
		"included": {"organisation Acme included", "owner desk@acme.example",
			`vault vault {"path":"kv/own"} key  on main-vault vault {"address":"https://vault.internal"}`,
			`ci dotenv {"file":"ci.env"} A `, `api-env kubernetes_secret {"name":"included","namespace":"trading"} key vault`,
			`own dotenv {"file":"own.env"} A `,
			`trading-api api-env {"fingerprint":"$.print","url":"https://trading.internal/healthz/bluum?q={x}"}`, `settlement ci`},
	} {
		if diff := cmp.Diff(want, described(named(t, c, name))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	files := []string{"testdata/good/design.yaml", "testdata/good/parts/extra.yaml", "testdata/good/parts/deep/mail.yaml"}
	if diff := cmp.Diff(files, c.Files); diff != "" {
		t.Error(diff)
	}
	if got := named(t, c, "included").Where; got != "testdata/good/parts/extra.yaml:6:5" {
		t.Errorf("written at %s", got)
	}
	if got := c.Credentials[0].Policy.EscalateAfter; got != 72*time.Hour {
		t.Errorf("escalates after %s", got)
	}
}

// An ordinary credential of the design's example stands in at most eight lines.
func TestOrdinaryCredentialIsShort(t *testing.T) {
	_, credentials, _ := strings.Cut(text(t, "testdata/good/design.yaml"), "\ncredentials:\n")
	if lines := strings.Count(credentials, "\n"); lines > 8*2 || strings.Count(credentials, "- {name:") != 2 {
		t.Errorf("two credentials take %d lines", lines)
	}
}

func TestChannels(t *testing.T) {
	c := load(t, "testdata/good/design.yaml")
	var got []string
	for _, one := range c.Channels {
		line := one.Name + " " + one.Kind + " " + string(one.Settings.Canonical()) + " " + strings.Join(one.Only, ",")
		if one.Connection != nil {
			line += " on " + one.Connection.Name + " " + one.Connection.Kind
		}
		got = append(got, line)
	}
	want := []string{"log log {} ", `post email {"from":"quarterturn@acme.example"} waits,broken on mail smtp`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An adapter's own finding points to the template, and says who uses it.
func TestSettingsFromATemplateKnowWhereTheyStand(t *testing.T) {
	one := load(t, "testdata/good/design.yaml").Credentials[1]
	want := "testdata/good/design.yaml:20:45: templates.trading.places[0].path: refused; correct it" +
		" (used by credentials[1] at testdata/good/design.yaml:28:5)"
	if got := one.Places[0].Settings.Problem("refused", "correct it", "path").Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Every change of what a credential relies on is one path of the diff, and nothing else is.
func TestParts(t *testing.T) {
	original := text(t, "testdata/good/full.yaml")
	design := text(t, "testdata/good/design.yaml")
	for _, c := range []struct {
		name, file, old, replacement string
		added, removed, changed      []string
	}{
		{name: "a comment", file: original, old: "# Everything", replacement: "# All"},
		{name: "a setting", file: original, old: "file: app.env, label", replacement: "file: b.env, label", changed: []string{"places.env.dotenv.file"}},
		{name: "a setting gone", file: original, old: ", label: GENERATION", replacement: "", removed: []string{"places.env.dotenv.label"}},
		{name: "a policy", file: original, old: "overlap: 48h", replacement: "overlap: 47h", changed: []string{"policy.overlap"}},
		{name: "a proof", file: original, old: "/healthz", replacement: "/health", changed: []string{"consumers.app.proof.http.url"}},
		{name: "people", file: original, old: "{owner: owner@", replacement: "{owner: other@", changed: []string{"people.owner"}},
		{name: "a connection", file: design, old: "https://vault.internal", replacement: "https://vault.example",
			changed: []string{"connections.main-vault.vault.address"}},
		{name: "a template", file: design, old: "kv/{vendor}", replacement: "kv2/{vendor}", changed: []string{"places.vault.vault.path"}},
		{name: "a place", file: original, old: "      - {name: backup, dotenv", replacement: "      - {name: spare, dotenv", changed: []string{"places"},
			added:   []string{"places.spare.dotenv.file", "places.spare.fields.key", "places.spare.fields.secret"},
			removed: []string{"places.backup.dotenv.file", "places.backup.fields.key", "places.backup.fields.secret"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(c.file, c.old, c.replacement, 1)
			if changed == c.file {
				t.Fatalf("%s is not in the file", c.old)
			}
			before, after := load(t, whole(t, c.file)).Credentials[0], load(t, whole(t, changed)).Credentials[0]
			added, removed, different := config.Diff(before.Parts, after.Parts)
			got, want := [][]string{added, removed, different}, [][]string{c.added, c.removed, c.changed}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if same := before.Digest == after.Digest; same != (added == nil && removed == nil && different == nil) {
				t.Errorf("the digest stayed: %v", same)
			}
		})
	}
}

// whole writes a file that includes no other, but has the one connection that it would include.
func whole(t *testing.T, text string) string {
	return write(t, strings.NewReplacer(`include: ["parts/*.yaml"]`, "", "connections:\n", "connections:\n  mail: {smtp: {address: \"https://mail.internal\"}}\n").Replace(text))
}

func TestPartsHoldNoValue(t *testing.T) {
	for path, digest := range load(t, "testdata/good/design.yaml").Credentials[0].Parts {
		if len(digest) != 16 || strings.Trim(digest, "0123456789abcdef") != "" {
			t.Errorf("%s: %s", path, digest)
		}
	}
	one := load(t, "testdata/good/full.yaml").Credentials
	if maps.Equal(one[1].Parts, one[2].Parts) {
		t.Error("two credentials have the same parts")
	}
}

// What an editor is told about an included file: the same, without what only the main file says.
func TestIncludedSchema(t *testing.T) {
	published, err := config.IncludedSchema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	schema := compile(t, published)
	for file, fits := range map[string]bool{"testdata/good/parts/extra.yaml": true, "testdata/good/parts/deep/mail.yaml": true,
		"testdata/good/smallest.yaml": false, "testdata/broken/parts/forms.yaml": false} {
		if err := schema.Validate(value(t, file)); (err == nil) != fits {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestShow(t *testing.T) {
	c := load(t, "testdata/good/design.yaml")
	var b bytes.Buffer
	if err := c.Show("").YAML(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "shown.golden.yaml"), strings.ReplaceAll(b.String(), c.Dir, "/etc/quarterturn"))
	if one := c.Show("included"); len(one.Credentials) != 1 || one.Credentials[0].Name != "included" {
		t.Errorf("got %+v", one.Credentials)
	}
}

// Values that look like secrets are never printed, wherever somebody put them.
func TestShowHidesWhatLooksLikeASecret(t *testing.T) {
	for _, secret := range []string{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
		"AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQ", "https://user:hunter2@example.org/x"} {
		c := load(t, write(t, strings.Replace(text(t, "testdata/good/full.yaml"), "[systemctl, restart, app]", `[curl, "`+secret+`"]`, 1)))
		var b bytes.Buffer
		if err := c.Show("").YAML(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), secret) || !strings.Contains(b.String(), "(hidden)") {
			t.Errorf("%s is shown", secret)
		}
	}
}
