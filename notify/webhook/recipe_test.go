package webhook

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"quarterturn/secret"
)

// The page's receiver takes what Sign makes, and nothing else.
func TestRecipeVerifies(t *testing.T) {
	page, err := os.ReadFile("../../docs/recipes/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, ok := strings.Cut(string(page), "```python\n")
	code, _, end := strings.Cut(code, "```")
	if !ok || !end {
		t.Fatal("webhook.md shows no Python")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Log("NOT RUN: webhook.md: install Python 3")
		return
	}
	now := time.Now()
	body := `{"what":"grüße"}`
	for name, c := range map[string]struct {
		at        time.Time
		key, body string
		want      string
		malformed string
	}{
		"good":         {now, key, body, "True", ""},
		"other key":    {now, key + "x", body, "False", ""},
		"other body":   {now, key, body + " ", "False", ""},
		"an old one":   {now.Add(-time.Hour), key, body, "False", ""},
		"no header":    {now, key, body, "False", "-"},
		"other scheme": {now, key, body, "False", "v1=00"},
	} {
		t.Run(name, func(t *testing.T) {
			header, err := Sign(secret.New(c.key), c.at, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.malformed != "" {
				header = c.malformed
			}
			cmd := exec.CommandContext(t.Context(), "python3", "-c",
				code+"\nimport sys\nprint(verify(sys.argv[1].encode(), sys.argv[2], sys.argv[3].encode()))", key, header, body)
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
				t.Errorf("%q, want %s: %v", got, c.want, err)
			}
		})
	}
}
