package secret

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAddKey: the new key is first, every older line, the mode and a link stay.
func TestAddKey(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real.key"), filepath.Join(dir, "link.key")
	before := "# ours\n" + NewKey() + "\n"
	if err := errors.Join(os.WriteFile(path, []byte(before), 0o440), os.Chmod(path, 0o440), os.Symlink("real.key", link)); err != nil {
		t.Fatal(err)
	}
	older, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	id, err := AddKey(link)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	info, _ := os.Lstat(path)
	if !strings.HasPrefix(string(text), id+":") || !strings.HasSuffix(string(text), before) || info.Mode() != 0o440 {
		t.Errorf("mode %v, id %s", info.Mode(), id)
	}
	if l, _ := os.Lstat(link); l.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
	keys, err := LoadKeys(path)
	m := Material{"key": New("k")}
	if err != nil || keys.Prints(m).Compare(older.Prints(m)) != Equal || len(keys.Prints(m)) != 4 {
		t.Errorf("the keys: %v", err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAddKeyRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.key")
	if err := os.WriteFile(path, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(path); !errors.Is(err, ErrKey) {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "no key\n" {
		t.Error("the file was changed")
	}
}

func TestKnows(t *testing.T) {
	parse := func(line string) Keys {
		k, err := ParseKeys(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	mine, other := parse(NewKey()), parse(NewKey())
	m := Material{"key": New("k")}
	for name, c := range map[string]struct {
		p    Prints
		want bool
	}{
		"its own": {mine.Prints(m), true}, "a consumer's": {mine.Reports(m, "app"), true},
		"another's": {other.Prints(m).Merge(other.Reports(m, "app")), false}, "none": {nil, false},
		"both": {other.Prints(m).Merge(mine.Reports(m, "a/b@c")), true},
	} {
		if got := mine.Knows(c.p); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
