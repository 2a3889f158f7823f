package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
	"quarterturn/notify"
	"quarterturn/notify/notifytest"
)

const key = "wk_0123456789abcdef0123456789abcdef"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// receiver verifies as docs/recipes/webhook.md says, and keeps what it took.
type receiver struct {
	mu     sync.Mutex
	status int
	header http.Header
	got    []string
	wrong  []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	var m map[string]any
	switch {
	case !verify(key, req.Header.Get("Quarterturn-Signature"), body):
		r.wrong = append(r.wrong, "signature")
	case json.Unmarshal(body, &m) != nil || m["id"] != req.Header.Get("Quarterturn-Id"):
		r.wrong = append(r.wrong, "id")
	case req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json":
		r.wrong = append(r.wrong, "form")
	}
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte("internal-detail"))
	if r.status < 300 {
		r.got = append(r.got, fmt.Sprint(m))
	}
}

// locked runs do while no request is under way.
func (r *receiver) locked(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// verify is written from the recipe, not from the sender.
func verify(key, header string, body []byte) bool {
	t, v1, ok := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	if !ok || t != fmt.Sprint(noon.Unix()) {
		return false
	}
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write(append([]byte(t+"."), body...))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(v1))
}

func keyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhook.key")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func notifier(t *testing.T, c Config) *Notifier {
	t.Helper()
	client, err := httpx.NewClient(httpx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(c, Options{Client: client, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func serve(t *testing.T, r *receiver) string {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(func() {
		s.Close()
		if len(r.wrong) > 0 {
			t.Errorf("wrong requests: %v", r.wrong)
		}
	})
	return s.URL
}

func TestSuite(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		r := &receiver{status: 200}
		n := notifier(t, Config{URL: serve(t, r) + "/hook-path", KeyFile: keyFile(t, key+"\n", 0o600)})
		return notifytest.Bench{Notifier: n, Received: func() (got []string) {
			r.locked(func() { got = r.got })
			return got
		}, Break: func() { r.locked(func() { r.status = 503 }) },
			Secrets: []string{key, "hook-path", "internal-detail"}}
	})
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		after   string
		refused bool
		due     time.Duration
	}{
		{201, "", false, 0}, {204, "", false, 0},
		{408, "", false, 0}, {425, "", false, 0}, {500, "", false, 0}, {503, "90", false, 90 * time.Second},
		{429, "7", false, 7 * time.Second}, {429, noon.Add(time.Hour).Format(http.TimeFormat), false, time.Hour},
		{429, "99999999999", false, 24 * time.Hour}, {429, "999999", false, 24 * time.Hour}, {429, "-3", false, 0}, {429, "soon", false, 0},
		{400, "60", true, 0}, {401, "", true, 0}, {404, "", true, 0}, {410, "", true, 0}, {302, "", true, 0},
	} {
		t.Run(fmt.Sprint(c.status, c.after), func(t *testing.T) {
			r := &receiver{status: c.status, header: http.Header{"Location": {"/elsewhere"}}}
			if c.after != "" {
				r.header.Set("Retry-After", c.after)
			}
			err := notifier(t, Config{URL: serve(t, r), KeyFile: keyFile(t, key, 0o600)}).Send(t.Context(), notifytest.Message())
			if (err == nil) != (c.status < 300) || errors.Is(err, notify.ErrRefused) != c.refused {
				t.Fatal(err)
			}
			var due interface{ Due() time.Time }
			if errors.As(err, &due) != (c.due > 0) || c.due > 0 && !due.Due().Equal(noon.Add(c.due)) {
				t.Errorf("due again: %v, want %v later", err, c.due)
			}
		})
	}
}

func TestNothingIsSentWithoutAGoodKey(t *testing.T) {
	r := &receiver{status: 200}
	url := serve(t, r)
	for name, path := range map[string]string{
		"short":     keyFile(t, "too-short", 0o600),
		"open":      keyFile(t, key, 0o644),
		"two lines": keyFile(t, key+"\n"+key, 0o600),
		"empty":     keyFile(t, "", 0o600),
		"missing":   filepath.Join(t.TempDir(), "none"),
	} {
		t.Run(name, func(t *testing.T) {
			err := notifier(t, Config{URL: url, KeyFile: path}).Send(t.Context(), notifytest.Message())
			if err == nil || errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "short-") || strings.Contains(err.Error(), key) {
				t.Error(err)
			}
		})
	}
	if len(r.got)+len(r.wrong) > 0 {
		t.Error("something was sent")
	}
}

func TestSchemaAndValidateAgree(t *testing.T) {
	schema, err := strict.Compile("webhook", Schema())
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		`{url: "https://a.internal/x", key_file: k}`:        true,
		`{url: "http://127.0.0.1:8080/x", key_file: k}`:     true,
		`{url: "https://a.internal/x"}`:                     false,
		`{url: "https://me:pass@a.internal/", key_file: k}`: false,
		`{url: "https://a.internal/?t=1", key_file: k}`:     false,
		`{url: "ftp://a.internal/", key_file: k}`:           false,
	} {
		doc, err := strict.Parse("t.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var c Config
		if problems := doc.Validate(schema); (len(problems) == 0) != good || doc.Decode(&c) == nil && (c.Validate() == nil) != good {
			t.Errorf("%s: %v, %v", text, problems, c.Validate())
		}
	}
	if (Config{URL: "http://a.internal/", KeyFile: "k"}).Validate() == nil {
		t.Error("http beyond this machine")
	}
}
