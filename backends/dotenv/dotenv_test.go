package dotenv

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"

	"quarterturn/backends"
	"quarterturn/backends/backendtest"
	"quarterturn/secret"
)

const others = "# a file that people edit\r\n\nexport PATH_TO='/usr/bin'   # keep\nCERT=\"-----BEGIN\nab=cd\n-----END\"\n" +
	"  EMPTY=\n#BLUUM_API_KEY=commented out\nnot an entry\nLAST = \"$PATH_TO/x\" \n"

func fields() map[string]string {
	return map[string]string{"key": "BLUUM_API_KEY", "secret": "BLUUM_API_SECRET"}
}

func testKeys(t testing.TB) secret.Keys {
	t.Helper()
	keys, err := secret.ParseKeys(strings.NewReader("qtf-00000001:" + strings.Repeat("5a", 32) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func place(t testing.TB, file, label string) *Place {
	t.Helper()
	p, err := New(Config{File: file, Label: label}, Options{Fields: fields(), Prints: testKeys(t).Prints, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pair(tag string) secret.Material {
	return secret.Material{"key": secret.New(tag + "-key-0123456789"), "secret": secret.New(tag + "-secret-0123456789")}
}

func write(tag, expect string) backends.Write {
	return backends.Write{Material: pair(tag), Rotation: "r", Slot: "slot-" + tag, Expect: expect}
}

func version(t testing.TB, p *Place) string {
	t.Helper()
	h, err := p.Observe(t.Context())
	if err != nil && !errors.Is(err, backends.ErrAbsent) {
		t.Fatal(err)
	}
	return h.Version
}

func mustPut(t testing.TB, p *Place, tag string) {
	t.Helper()
	if err := p.Put(t.Context(), write(tag, version(t, p))); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t testing.TB, path, content string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestSuite(t *testing.T) {
	for _, label := range []string{"", "BLUUM_GENERATION"} {
		t.Run("label "+label, func(t *testing.T) {
			backendtest.Run(backendtest.New(t), backendtest.Harness{
				Fresh: func(s backendtest.T) backendtest.Location {
					return location(t, filepath.Join(s.TempDir(), "app.env"), label)
				},
				Broken: func(s backendtest.T) backends.Place {
					return place(t, filepath.Join(s.TempDir(), "no such folder", "app.env"), label)
				},
				Prints:  testKeys(t).Prints,
				Fields:  []string{"key", "secret"},
				Carry:   func(v string) bool { return uncarriable(v) == "" },
				Labels:  label != "",
				Epochs:  true,
				Fencing: "version",
			})
		})
	}
}

// outside sees the file as another program does: godotenv parses it, and lines are told by a plain pattern.
type outside struct{ path, label string }

func location(t *testing.T, path, label string) backendtest.Location {
	o := outside{path, label}
	return backendtest.Location{
		Open:  func(backendtest.T) backends.Place { return place(t, path, label) },
		Plant: func() error { return os.WriteFile(path, []byte(others), 0o600) },
		Look:  o.look,
		Set:   o.set,
	}
}

var ourLines = regexp.MustCompile(`(?m)^(?:# quarterturn: epoch \d+\r?\n)?BLUUM_(API_KEY|API_SECRET|GENERATION)=.*\n`)

func (o outside) look() (backendtest.View, error) {
	v := backendtest.View{Fields: map[string]string{}}
	all, err := os.ReadDir(filepath.Dir(o.path))
	if err != nil {
		return v, err
	}
	for _, e := range all {
		if e.Name() != "app.env" {
			v.Others += e.Name() + "\n" // a temporary file that was left behind
		}
	}
	content, err := os.ReadFile(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Others += ourLines.ReplaceAllString(string(content), "")
	v.All = v.Others + string(content)
	return v, o.parse(string(content), &v)
}

func (o outside) parse(content string, v *backendtest.View) error {
	parsed, err := godotenv.Unmarshal(strings.Replace(content, "not an entry\n", "", 1))
	if err != nil {
		return errors.New("godotenv does not understand the file")
	}
	for field, name := range fields() {
		if value, ok := parsed[name]; ok {
			v.Fields[field] = value
		}
	}
	v.Label = parsed["BLUUM_GENERATION"]
	return nil
}

// set is a person with an editor that writes in place.
func (o outside) set(m secret.Material) error {
	content, err := os.ReadFile(o.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := ourLines.ReplaceAllString(string(content), "")
	for _, field := range slices.Sorted(maps.Keys(m)) {
		text += fmt.Sprintf("%s=%s\n", fields()[field], m[field].Reveal())
	}
	return os.WriteFile(o.path, []byte(text), 0o600)
}

func TestNewRefuses(t *testing.T) {
	good := Options{Fields: fields(), Prints: testKeys(t).Prints, Now: time.Now}
	for _, c := range []struct {
		name string
		c    Config
		with func(*Options)
		want string
	}{
		{"no file", Config{}, nil, "file is missing"},
		{"a folder", Config{File: "conf/"}, nil, "not a folder"},
		{"the parent", Config{File: "../.."}, nil, "not a folder"},
		{"a zero byte", Config{File: "a\x00b"}, nil, "not a folder"},
		{"a label that is no name", Config{File: "a", Label: "1 x"}, nil, "label must be"},
		{"no fields", Config{File: "a"}, func(o *Options) { o.Fields = nil }, "fields is missing"},
		{"an entry that is no name", Config{File: "a"}, func(o *Options) { o.Fields = map[string]string{"key": "A=B"} }, `entry for "key" must`},
		{"one entry for two", Config{File: "a"}, func(o *Options) { o.Fields = map[string]string{"key": "A", "secret": "A"} }, "already used"},
		{"the label's entry", Config{File: "a", Label: "A"}, func(o *Options) { o.Fields = map[string]string{"key": "A"} }, "already used"},
		{"no fingerprints", Config{File: "a"}, func(o *Options) { o.Prints = nil }, "must be given"},
		{"no clock", Config{File: "a"}, func(o *Options) { o.Now = nil }, "must be given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			if c.with != nil {
				c.with(&o)
			}
			_, err := New(c.c, o)
			if !errors.Is(err, backends.ErrForbidden) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ... %s ...", err, c.want)
			}
		})
	}
}

func TestRelativeFilesStartAtTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Fields: fields(), Prints: testKeys(t).Prints, Now: time.Now}
	p, err := New(Config{File: "./app.env"}, o)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, p, "a")
	if got := list(t, dir); !slices.Equal(got, []string{"app.env"}) {
		t.Errorf("found %q", got)
	}
	if got, want := read(t, filepath.Join(dir, "app.env")), "BLUUM_API_KEY=a-key-0123456789\nBLUUM_API_SECRET=a-secret-0123456789\n"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestHalfAPair(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "app.env"), "BLUUM_API_KEY=\nBLUUM_API_SECRET=\n", 0o600)
	p := place(t, path, "")
	if _, err := p.Observe(t.Context()); !errors.Is(err, backends.ErrAbsent) {
		t.Errorf("empty entries are gaps to be filled: %v", err)
	}
	writeFile(t, path, "BLUUM_API_KEY=a-key-0123456789\n", 0o600)
	h, err := p.Observe(t.Context())
	if err != nil || h.Prints.Compare(testKeys(t).Prints(pair("a"))) != secret.Torn {
		t.Errorf("half a pair is torn: %v, %v", h, err)
	}
	if _, err := p.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "BLUUM_API_SECRET is missing") {
		t.Errorf("half a pair must not be sealed: %v", err)
	}
	mustPut(t, p, "b")
}

func TestDuplicates(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "app.env"),
		"BLUUM_API_KEY=old\nBLUUM_API_SECRET=a-secret-0123456789\nX=1\nexport BLUUM_API_KEY='a-key-0123456789'\n", 0o600)
	p := place(t, path, "")
	h, err := p.Observe(t.Context())
	if err != nil || h.Prints.Compare(testKeys(t).Prints(pair("a"))) != secret.Torn {
		t.Errorf("some readers take the first: %v, %v", h, err)
	}
	if _, err := p.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "also in line 1") {
		t.Errorf("got %v", err)
	}
	mustPut(t, p, "a") // both are set, although the last was right
	want := "BLUUM_API_KEY=a-key-0123456789\nBLUUM_API_SECRET=a-secret-0123456789\nX=1\nexport BLUUM_API_KEY='a-key-0123456789'\n"
	if got := read(t, path); got != want {
		t.Errorf("got %q", got)
	}
}

func TestChangedAtIsTheInjectedClock(t *testing.T) {
	now := time.Date(2031, 1, 2, 3, 4, 5, 6000, time.UTC)
	path := filepath.Join(t.TempDir(), "app.env")
	p, err := New(Config{File: path}, Options{Fields: fields(), Prints: testKeys(t).Prints, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i, tag := range []string{"a", "b", "a"} { // the clock stands still; the versions must not
		mustPut(t, p, tag)
		h, err := p.Observe(t.Context())
		if want := now.Add(time.Duration(i)); err != nil || !h.ChangedAt.Equal(want) {
			t.Errorf("changed at %s, want %s, %v", h.ChangedAt, want, err)
		}
	}
}
