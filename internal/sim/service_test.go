package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const testPrintKey = "0a1b2c3d/app:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func serviceOptions(t *testing.T, w *World, c *clock, s Shown) ServiceOptions {
	t.Helper()
	file := filepath.Join(t.TempDir(), ".env")
	writeEnv(t, file, s, "g1")
	return ServiceOptions{EnvFile: file, KeyEntry: "BLUUM_API_KEY", SecretEntry: "BLUUM_API_SECRET",
		LabelEntry: "BLUUM_GENERATION", PrintKey: testPrintKey, API: w.URL(Production), Now: c.now}
}

func writeEnv(t *testing.T, file string, s Shown, label string) {
	t.Helper()
	text := "# app\nexport BLUUM_API_KEY=" + s.Key + "\nBLUUM_API_SECRET=\"" + s.Secret +
		"\"\nBLUUM_GENERATION='" + label + "'\n"
	must(t, os.WriteFile(file, []byte(text), 0o600))
}

func newTestService(t *testing.T, w *World, c *clock, s Shown) *Service {
	t.Helper()
	service, err := NewService(serviceOptions(t, w, c, s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	})
	return service
}

func get(t *testing.T, url string) reply {
	t.Helper()
	return do(t, request(t, http.MethodGet, url))
}

func healthOf(t *testing.T, s *Service) health {
	t.Helper()
	var h health
	must(t, json.Unmarshal([]byte(get(t, s.URL()+"/healthz").body), &h))
	return h
}

// printOf is the print computed a second time, by hand.
func printOf(s Shown) string {
	key, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("3:key," + strconv.Itoa(len(s.Key)) + ":" + s.Key + ",6:secret,64:" + s.Secret + ","))
	return "0a1b2c3d/app:" + hex.EncodeToString(mac.Sum(nil))
}

func TestPrintVector(t *testing.T) {
	p, err := newPrinter(testPrintKey)
	must(t, err)
	// printf '3:key,1:k,6:secret,2:\303\251,' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001...1f
	const want = "0a1b2c3d/app:838cb4250e4cc845e572bfe7b5f798570d420d9ff03603174760ce8816d45dc7"
	if got := p.print(loaded{key: "k", secret: "é"}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPrintNameMayHoldColons(t *testing.T) {
	p, err := newPrinter("qtf-0a1b2c3d/app:8080:" + strings.Repeat("00", 32))
	if err != nil || !strings.HasPrefix(p.print(loaded{}), "qtf-0a1b2c3d/app:8080:") {
		t.Error(err)
	}
}

func TestServiceReadsItsFileOnlyWhenStarted(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	old, fresh := create(t, w, Acme, Production), create(t, w, Acme, Production)
	s := newTestService(t, w, c, old)
	if got, want := healthOf(t, s), (health{"ok", printOf(old), "g1"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	writeEnv(t, s.o.EnvFile, fresh, "g2")
	if got := healthOf(t, s); got.Print != printOf(old) || got.Label != "g1" {
		t.Error("the service saw the file without a restart")
	}
	must(t, s.Restart())
	if got, want := healthOf(t, s), (health{"ok", printOf(fresh), "g2"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r := get(t, s.URL()+"/healthz")
	if holds(r.body, fresh) || r.header.Get("Date") != c.now().Format(http.TimeFormat) {
		t.Error("health tells a value, or another time")
	}
}

func TestServiceWorks(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	pair := create(t, w, Acme, Production)
	s := newTestService(t, w, c, pair)
	check := func(why string, status int, body string) {
		t.Helper()
		if r := get(t, s.URL()+"/work"); r.status != status || strings.TrimSpace(r.body) != body {
			t.Errorf("%s: %d %s, want %d %s", why, r.status, r.body, status, body)
		}
	}
	check("alive", 200, `{"status":"ok","vendor":200}`)
	w.Inject(Fault{Do: Redirect, To: w.URL(Sandbox)})
	check("redirect", 502, `{"status":"failing","vendor":302}`)
	w.Inject(Fault{Do: Truncate})
	check("truncated", 502, `{"status":"failing","vendor":0}`)
	w.Inject(Fault{Do: HTML})
	check("web page", 502, `{"status":"failing","vendor":0}`)
	must(t, w.Delete(pair.ID))
	check("revoked", 502, `{"status":"failing","vendor":401}`)
	must(t, w.Close())
	check("vendor gone", 502, `{"status":"failing","vendor":0}`)
}

func TestControlPort(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	s := newTestService(t, w, c, create(t, w, Acme, Production))
	post := func() int { return do(t, request(t, http.MethodPost, s.ControlURL()+"/-/restart")).status }
	if got := post(); got != http.StatusNoContent {
		t.Error(got)
	}
	s.FailRestarts(1)
	if got := post(); got != http.StatusInternalServerError {
		t.Error(got)
	}
	if got := get(t, s.ControlURL()+"/-/restart").status; got != http.StatusMethodNotAllowed {
		t.Error(got)
	}
	if got := do(t, request(t, http.MethodPost, s.URL()+"/-/restart")).status; got != http.StatusNotFound {
		t.Errorf("the users' port restarts: %d", got)
	}
	if n := s.Restarts(); n != 2 {
		t.Errorf("%d restarts, want 2", n)
	}
}

func TestRestartsThatGoWrong(t *testing.T) {
	w, c := newTestWorld(t, Options{LiveLimit: 3})
	first, next, third := create(t, w, Acme, Production), create(t, w, Acme, Production), create(t, w, Acme, Production)
	s := newTestService(t, w, c, first)
	prints := func(why string, want Shown) {
		t.Helper()
		if healthOf(t, s).Print != printOf(want) {
			t.Errorf("%s: another pair is in memory", why)
		}
	}
	writeEnv(t, s.o.EnvFile, next, "")
	s.FailRestarts(2)
	for range 2 {
		if err := s.Restart(); !errors.Is(err, ErrRestart) {
			t.Error(err)
		}
		prints("failed", first)
	}
	s.IgnoreRestart(true)
	must(t, s.Restart())
	prints("ignored", first)
	s.IgnoreRestart(false)
	s.PinOld()
	must(t, s.Restart())
	prints("pinned", first)
	s.Unpin()
	must(t, s.Restart())
	prints("unpinned", next)

	writeEnv(t, s.o.EnvFile, third, "")
	must(t, s.Restart())
	writeEnv(t, s.o.EnvFile, third, "only the label changed")
	must(t, s.Restart())
	prints("third", third)
	s.ComeBackOld()
	prints("came back", next)
	must(t, s.Restart())
	prints("came back and restarted", next)
	s.Unpin()
	must(t, s.Restart())
	prints("mended", third)
}

func TestComeBackOldWithoutAnOldPair(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	pair := create(t, w, Acme, Production)
	s := newTestService(t, w, c, pair)
	s.ComeBackOld()
	if healthOf(t, s).Print != printOf(pair) {
		t.Error("it lost its only pair")
	}
}

func TestServiceIsDownWithoutAPair(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	pair := create(t, w, Acme, Production)
	s := newTestService(t, w, c, pair)
	for name, text := range map[string]string{
		"no secret": "BLUUM_API_KEY=" + pair.Key + "\n",
		"empty key": "BLUUM_API_KEY=\nBLUUM_API_SECRET=" + pair.Secret + "\n",
		"broken":    "BLUUM_API_KEY=" + pair.Key + "\nBLUUM_API_SECRET=\"" + pair.Secret + "\n",
	} {
		must(t, os.WriteFile(s.o.EnvFile, []byte(text), 0o600))
		err := s.Restart()
		if err == nil || holds(err.Error(), pair) {
			t.Errorf("%s: %v", name, err)
		}
		if r := get(t, s.URL()+"/healthz"); r.status != http.StatusServiceUnavailable {
			t.Errorf("%s: health %d", name, r.status)
		}
		if s.Work(t.Context()) != 0 {
			t.Errorf("%s: a service that is down works", name)
		}
	}
	must(t, os.Remove(s.o.EnvFile))
	if s.Restart() == nil {
		t.Error("started without a file")
	}
	writeEnv(t, s.o.EnvFile, pair, "")
	must(t, s.Restart())
	if s.Work(t.Context()) != http.StatusOK {
		t.Error("it stays down")
	}
}

func TestNewServiceRefuses(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	good := serviceOptions(t, w, c, create(t, w, Acme, Production))
	for name, spoil := range map[string]func(*ServiceOptions){
		"no clock":         func(o *ServiceOptions) { o.Now = nil },
		"no file":          func(o *ServiceOptions) { o.EnvFile += "x" },
		"no such entry":    func(o *ServiceOptions) { o.SecretEntry = "OTHER" },
		"short print key":  func(o *ServiceOptions) { o.PrintKey = o.PrintKey[:len(o.PrintKey)-2] },
		"nameless key":     func(o *ServiceOptions) { o.PrintKey = "0a1b2c3d:" + strings.Repeat("00", 32) },
		"no colon":         func(o *ServiceOptions) { o.PrintKey = "0a1b2c3d/app" },
		"no hex print key": func(o *ServiceOptions) { o.PrintKey = "0a1b2c3d/app:" + strings.Repeat("zz", 32) },
	} {
		o := good
		spoil(&o)
		if s, err := NewService(o); err == nil {
			t.Errorf("%s: accepted", name)
			_ = s.Close()
		}
	}
}

func TestServiceWithoutPrintOrLabel(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	o := serviceOptions(t, w, c, create(t, w, Acme, Production))
	o.PrintKey, o.LabelEntry = "", ""
	s, err := NewService(o)
	must(t, err)
	if got := strings.TrimSpace(get(t, s.URL()+"/healthz").body); got != `{"status":"ok"}` {
		t.Error(got)
	}
	must(t, s.Close())
}

func TestParseEnv(t *testing.T) {
	for text, want := range map[string]string{
		"A=b":                   "b",
		"\ufeffA=b":             "b",
		"A=b\r\nC=d\r\n":        "b",
		"  export A = b  ":      "b",
		"A=b # note":            "b",
		"A=b#c":                 "b#c",
		"A=#c":                  "#c",
		"A= # note":             "",
		"A=":                    "",
		"A=b=c==":               "b=c==",
		"A='b # \\n\"c'":        `b # \n"c`,
		`A = "b\n\"\\\$\x" # c`: "b\n\"\\$\\x",
		"A=\"b\nA=c\"\nB=d":     "b\nA=c",
		"A=x\n# A=y\n\nA=z":     "z",
		`A="\r\t"`:              "\r\t",
		"exported=x\nA=y":       "y",
	} {
		got, err := parseEnv(text)
		if value, found := got["A"]; err != nil || !found || value != want {
			t.Errorf("%q: %q, %v, want %q", text, value, err, want)
		}
	}
}

func TestParseEnvRefuses(t *testing.T) {
	for text, line := range map[string]string{
		"A=b\nsecret": "line 2", "=secret": "line 1", "A='x\ny'\nB='secret": "line 3",
		"A=\"b\" secret": "line 1", "A B=secret": "line 1",
	} {
		_, err := parseEnv(text)
		if err == nil || !strings.Contains(err.Error(), line) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %s", text, err, line)
		}
	}
}
