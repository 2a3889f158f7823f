package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarterturn/secret"
)

func TestReadFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "" is refused
	}{
		"plain":           {"hunter2hunter2", 0o600, "hunter2hunter2"},
		"with line break": {"hunter2hunter2\n", 0o400, "hunter2hunter2"},
		"with CRLF":       {"hunter2hunter2\r\n", 0o600, "hunter2hunter2"},
		"inner spaces":    {" hunter2 hunter2 ", 0o600, " hunter2 hunter2 "},
		"open to all":     {"hunter2hunter2", 0o644, ""},
		"empty":           {"", 0o600, ""},
		"a line break":    {"\n", 0o600, ""},
		"two lines":       {"hunter2hunter2\nx\n", 0o600, ""},
		"a NUL":           {"hunter2\x00hunter2", 0o600, ""},
		"too long":        {strings.Repeat("hunter2", 10000), 0o600, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "one")
			if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
				t.Fatal(err)
			}
			got, err := secret.ReadFile(path)
			if (err == nil) != (c.want != "") || got.Reveal() != c.want || err != nil && !errors.Is(err, secret.ErrFile) {
				t.Errorf("%d bytes, %v", len(got.Reveal()), err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it echoes: %v", err)
			}
		})
	}
	if _, err := secret.ReadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
