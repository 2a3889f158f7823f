package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarterturn/internal/config"
	"quarterturn/internal/strict"
	"quarterturn/secret/secrettest"
)

var update = flag.Bool("update", false, "write golden files instead of comparing them")

// dotenv, command and webProof are small stand-ins: this package must not depend on what real kinds look like.
const (
	dotenv = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://schemas.example/dotenv",
		"type": "object", "additionalProperties": false, "required": ["file"],
		"properties": {"file": {"$ref": "#/$defs/text"}, "label": {"$ref": "#/$defs/text"}},
		"$defs": {"text": {"type": "string", "minLength": 1}}}`
	address  = `{"type": "object", "additionalProperties": false, "required": ["address"], "properties": {"address": {"type": "string", "pattern": "^https://", "x-quarterturn-form": "an address that begins with https://"}}}`
	anything = `{"type": "object"}`
	ci       = `{"type": "object", "additionalProperties": false, "required": ["repository"], "properties": {"repository": {"type": "string"}, "environment": {"type": "string"}}}`
	vault    = `{"type": "object", "additionalProperties": false, "required": ["path"], "properties": {"path": {"type": "string"}}}`
	command  = `{"type": "array", "minItems": 1, "items": {"type": "string"}, "x-quarterturn-form": "a list such as [systemctl, restart, app]"}`
	webProof = `{"type": "object", "additionalProperties": false, "required": ["url"], "properties": {
		"url": {"type": "string", "pattern": "^https?://", "x-quarterturn-form": "an address that begins with http:// or https://"},
		"fingerprint": {"type": "string", "pattern": "^\\$\\.", "x-quarterturn-form": "a path such as $.print"},
		"label": {"type": "string"}}}`
)

type dotenvSettings struct {
	File  string `yaml:"file"`
	Label string `yaml:"label"`
}

func kinds() config.Kinds {
	return config.Kinds{
		Places: []config.Kind{
			{Name: "dotenv", Schema: []byte(dotenv), Target: func(dir string, settings *strict.Document) string {
				var s dotenvSettings
				if settings.Decode(&s) != nil || s.File == "" {
					return ""
				}
				return filepath.Join(dir, s.File)
			}},
			{Name: "vault", Schema: []byte(vault), On: "vault", OwnNames: true},
			{Name: "ci", Schema: []byte(ci), On: "github_app"},
			{Name: "aws_one", Schema: []byte(anything), On: "aws"},
			{Name: "aws_two", Schema: []byte(anything), On: "aws"},
			{Name: "kubernetes_secret", Schema: []byte(anything), OwnNames: true},
		},
		Redeploys: []config.Kind{{Name: "command", Schema: []byte(command)}, {Name: "webhook", Schema: []byte(anything)},
			{Name: "kubernetes", Schema: []byte(anything)}, {Name: "github_workflow", Schema: []byte(anything)}},
		Proofs: []config.Kind{{Name: "http", Schema: []byte(webProof)}, {Name: "workflow_conclusion", Schema: []byte(`{"type": "string"}`)}},
		Connections: []config.Kind{{Name: "vault", Schema: []byte(address)}, {Name: "smtp", Schema: []byte(address)},
			{Name: "aws", Schema: []byte(anything)}, {Name: "github_app", Schema: []byte(anything)}},
		Channels: []config.Kind{{Name: "log", Schema: []byte(`{"type": "object", "additionalProperties": false}`)},
			{Name: "email", Schema: []byte(`{"type": "object", "additionalProperties": false, "required": ["from"], "properties": {"from": {"type": "string"}}}`), On: "smtp"}},
		Vendors: vendors,
	}
}

// vendors knows bluum, mine from good.yaml, and two ways to fail.
func vendors(files []string) (map[string]config.Vendor, error) {
	known := map[string]config.Vendor{
		"bluum": {Environments: []string{"production", "sandbox"}, Fields: []string{"key", "secret"}},
	}
	var problems strict.Problems
	for _, file := range files {
		switch filepath.Base(file) {
		case "good.yaml":
			known["mine"] = config.Vendor{Environments: []string{"live"}, Fields: []string{"token"}}
		case "broken.yaml":
			problems = append(problems, strict.Problem{File: "broken.yaml", Line: 3, Column: 1, Field: "hosts", What: "missing", Remedy: "add it"})
		default:
			return known, errors.New("a profile does not exist")
		}
	}
	return known, problems.Err()
}

// pasted is every secret-looking value in the broken files.
var pasted = []string{
	"hunter2hunter2", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
	"zwei Worte Geheimnis", "hunter2/hunter2+hunter2=", "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQ",
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no files at %s: %v", pattern, err)
	}
	return found
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenFilesSayEverythingAtOnce(t *testing.T) {
	all := files(t, "testdata/broken/*.yaml")
	if len(all) < 30 {
		t.Errorf("only %d broken files", len(all))
	}
	for _, file := range all {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := config.Load(file, kinds())
			var problems strict.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v (%T), want Problems", err, err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
			if leaks := secrettest.Find([]byte(err.Error()), pasted...); leaks != nil {
				t.Error(leaks)
			}
			for _, p := range problems {
				if p.What == "" || p.Remedy == "" || p.File == "" {
					t.Errorf("incomplete: %s", p.Error())
				}
			}
		})
	}
}

// A canary in place of every scalar, one after the other, never comes back in an error.
func TestNoValueComesBack(t *testing.T) {
	refused := 0
	for _, original := range []string{text(t, "testdata/good/full.yaml"), designText(t)} {
		refused += canaries(t, original)
	}
	if refused < 60 {
		t.Errorf("only %d places refused a canary", refused)
	}
}

func designText(t *testing.T) string { return text(t, whole(t, text(t, "testdata/good/design.yaml"))) }

// canaries is how many of a file's scalars cannot be replaced by any text.
func canaries(t *testing.T, original string) (refused int) {
	for _, place := range regexp.MustCompile(`[a-z_]+: ?(\[|")?([^][{}", \n]+)`).FindAllStringSubmatchIndex(original, -1) {
		from, to := place[4], place[5]
		canary := strings.ToLower(secrettest.Canary(24)) // small letters pass for a name, the most talkative value
		_, err := config.Load(write(t, original[:from]+canary+original[to:]), kinds())
		if err == nil {
			continue // any text fits there
		}
		refused++
		if leaks := secrettest.Find([]byte(err.Error()), canary); leaks != nil {
			t.Errorf("in place of %s: %v", original[from:to], leaks)
		}
	}
	return refused
}

func TestUnreadableFiles(t *testing.T) {
	for path, want := range map[string]string{
		"testdata/nowhere.yaml": "testdata/nowhere.yaml: does not exist; give its path with --config, or write one with quarterturn init",
		"testdata":              "testdata: cannot be read; check that it is a file, and its permissions",
	} {
		if _, err := config.Load(path, kinds()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	huge := filepath.Join(t.TempDir(), "huge.yaml")
	if err := os.WriteFile(huge, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(huge, kinds()); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestWrongKinds(t *testing.T) {
	for name, spoil := range map[string]func(*config.Kinds){
		"taken name": func(k *config.Kinds) { k.Places = append(k.Places, config.Kind{Name: "name", Schema: []byte(`{}`)}) },
		"twice":      func(k *config.Kinds) { k.Proofs = append(k.Proofs, k.Proofs[0]) },
		"no name":    func(k *config.Kinds) { k.Redeploys[0].Name = "" },
		"no object":  func(k *config.Kinds) { k.Redeploys[0].Schema = []byte(`[]`) },
		"bad schema": func(k *config.Kinds) { k.Redeploys[0].Schema = []byte(`{"type": "nothing"}`) },
		"none":       func(k *config.Kinds) { k.Places = nil },
	} {
		k := kinds()
		spoil(&k)
		var problems strict.Problems
		if _, err := config.Load("testdata/good/smallest.yaml", k); err == nil || errors.As(err, &problems) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
