package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
	"quarterturn/notify"
	"quarterturn/notify/notifytest"
)

const path = "/services/T0AAAAAAA/B0BBBBBBB/xoxTokenTokenTokenToken"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// service enforces what Slack documents for incoming webhooks: JSON with a text of at most 40,000 characters, in which
// only escaped text and Slack's own <...> forms stand; another path is no_service.
type service struct {
	mu     sync.Mutex
	answer int
	words  string
	after  string
	got    []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var m struct {
		Text string `json:"text"`
	}
	switch {
	case r.URL.Path != path:
		http.Error(w, "no_service", http.StatusNotFound)
	case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &m) != nil:
		http.Error(w, "invalid_payload", http.StatusBadRequest)
	case m.Text == "" || len([]rune(m.Text)) > 40000:
		http.Error(w, "no_text", http.StatusBadRequest)
	case s.answer != 0:
		if s.after != "" {
			w.Header().Set("Retry-After", s.after)
		}
		http.Error(w, s.words, s.answer)
	default:
		s.got = append(s.got, m.Text)
		_, _ = io.WriteString(w, "ok")
	}
}

// locked runs do while no request is under way.
func (s *service) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func addressFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "slack.url")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func notifier(t *testing.T, address string) *Notifier {
	t.Helper()
	client, err := httpx.NewClient(httpx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{WebhookFile: addressFile(t, address)}, Options{Client: client, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func serve(t *testing.T, s *service) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func TestSuite(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		s := &service{words: "internal-detail"}
		return notifytest.Bench{Notifier: notifier(t, serve(t, s)+path+"\n"), Received: func() (got []string) {
			s.locked(func() { got = s.got })
			return got
		}, Break: func() { s.locked(func() { s.answer = 503 }) }, Secrets: []string{"xoxToken", "T0AAAAAAA", "services", "internal-detail"}}
	})
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		words   string
		refused bool
		due     time.Duration
	}{
		{400, "invalid_payload", true, 0}, {403, "action_prohibited", true, 0}, {404, "channel_not_found", true, 0},
		{410, "channel_is_archived", true, 0}, {302, "moved", true, 0},
		{429, "rate_limited", false, 30 * time.Second}, {500, "rollup_error", false, 0},
	} {
		t.Run(c.words, func(t *testing.T) {
			s := &service{answer: c.status, words: c.words}
			if c.due > 0 {
				s.after = fmt.Sprint(c.due.Seconds())
			}
			err := notifier(t, serve(t, s)+path).Send(t.Context(), notifytest.Message())
			if err == nil || errors.Is(err, notify.ErrRefused) != c.refused {
				t.Fatal(err)
			}
			var due interface{ Due() time.Time }
			if errors.As(err, &due) != (c.due > 0) || c.due > 0 && !due.Due().Equal(noon.Add(c.due)) {
				t.Errorf("due again: %v", err)
			}
			if strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "xox") {
				t.Errorf("it echoes: %v", err)
			}
		})
	}
}

// Nobody can be mentioned, and no link hidden, by a text out of foreign hands.
func TestEscapes(t *testing.T) {
	s := &service{}
	m := notifytest.Message()
	m.What = "<!channel> & <https://evil.example|good>"
	if err := notifier(t, serve(t, s)+path).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.got[0], "&lt;!channel&gt; &amp; &lt;https://evil.example|good&gt;") ||
		strings.ContainsAny(s.got[0], "<>") || regexp.MustCompile(`&(?:[^alg]|$)`).MatchString(s.got[0]) {
		t.Error(s.got[0])
	}
}

// What is wrong with the address is said without it, also where it points elsewhere or to nobody.
func TestErrorsHideTheAddress(t *testing.T) {
	for name, address := range map[string]string{
		"gone":        "http://127.0.0.1:1" + path,
		"plain":       "http://hooks.example" + path,
		"no address":  path,
		"control":     "https://hooks.example" + path + "\x7f",
		"credentials": "https://me:xoxpassword@hooks.example" + path,
	} {
		t.Run(name, func(t *testing.T) {
			err := notifier(t, address).Send(t.Context(), notifytest.Message())
			if err == nil || strings.Contains(err.Error(), "xox") || strings.Contains(err.Error(), "hooks.example") {
				t.Error(err)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	schema, err := strict.Compile("slack", Schema())
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{`{webhook_file: slack.url}`: true, `{}`: false, `{webhook: "https://x"}`: false} {
		doc, err := strict.Parse("t.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if problems := doc.Validate(schema); (len(problems) == 0) != good {
			t.Errorf("%s: %v", text, problems)
		}
	}
}
