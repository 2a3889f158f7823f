package dotenv

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarterturn/secret"
)

func TestFind(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	whole := "A_KEY='k-1234'\nexport A_SECRET=\"s-5678\"\nAGAIN=k-1234\n"
	writeFile(t, filepath.Join(outside, "out.env"), whole, 0o600)
	for name, content := range map[string]string{".env": whole, "deep/app.env": "X=s-5678\n", "deep/.env.local": "X=s-56789\n",
		"notes.txt": whole, ".git/.env": whole, "odd.env": "a\x00\n"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), content, 0o600)
	}
	for link, to := range map[string]string{"link.env": "out.env", "away": ""} {
		if err := os.Symlink(filepath.Join(outside, to), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	m := secret.Material{"key": secret.New("k-1234"), "secret": secret.New("s-5678")}
	found, notes, err := Finder{}.Find(context.Background(), dir, m)
	if err != nil || len(found) != 2 {
		t.Fatalf("%v %v", found, err)
	}
	if f := found[0]; !strings.HasSuffix(f.Where, "/.env") || f.Fields["key"] != "A_KEY" || f.Fields["secret"] != "A_SECRET" ||
		strings.Join(f.Others, " ") != "AGAIN" {
		t.Errorf("%+v", f)
	}
	if f := found[1]; len(f.Fields) != 1 || f.Fields["secret"] != "X" {
		t.Errorf("%+v", f)
	}
	if !says(notes, "link.env is a link: not followed") {
		t.Errorf("%v", notes)
	}
	if _, _, err := (Finder{}).Find(context.Background(), filepath.Join(dir, "nowhere"), m); err == nil {
		t.Error("a folder that is not there was searched")
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, _, err := (Finder{}).Find(ended, dir, m); err == nil {
		t.Error("it went on after its end")
	}
}

// TestFindSaysNothingOfOthers: only an entry that seems to hold the pair is worth a word, and every name that .env files
// go by is looked at.
func TestFindSaysNothingOfOthers(t *testing.T) {
	dir := t.TempDir()
	odd := "URL: x\nPASS=\"a$b\"\nTOKEN=`date`\n"
	writeFile(t, filepath.Join(dir, "others.env"), odd+"A_KEY=k-1234\n", 0o600)
	writeFile(t, filepath.Join(dir, "colon.env"), odd+"A_KEY: k-1234\n", 0o600)
	for _, name := range []string{"app.env.local", ".envrc"} {
		writeFile(t, filepath.Join(dir, name), "A_KEY=k-1234\n", 0o600)
	}
	found, notes, err := Finder{}.Find(t.Context(), dir, secret.Material{"key": secret.New("k-1234")})
	if err != nil || len(found) != 3 {
		t.Errorf("%v %v", found, err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "colon.env, line 4: A_KEY: it is set with a colon") {
		t.Errorf("%q", notes)
	}
}
