package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// visitor is a person with a browser, in which they are signed in as Ada of Acme Trading.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
}

func visit(t *testing.T, portal string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, base: portal, client: &http.Client{Jar: jar, Timeout: patient}}
	v.post("/sign-in", "person", "ada")
	return v
}

func (v *visitor) post(path string, field, value string) string {
	v.t.Helper()
	answer, err := v.client.PostForm(v.base+path, url.Values{field: {value}})
	if err != nil {
		v.t.Fatal(err)
	}
	return v.page(answer)
}

func (v *visitor) page(answer *http.Response) string {
	v.t.Helper()
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: status %d, %v", answer.Request.URL.Path, answer.StatusCode, err)
	}
	return string(body)
}

// create makes a key in the portal and reads it off the page.
func (v *visitor) create(environment string) sim.Shown {
	v.t.Helper()
	page := v.post("/"+environment+"/settings/api-keys", "name", demoName)
	on := func(id string) string {
		found := regexp.MustCompile(`id="` + id + `"[^>]*>([^<]+)<`).FindStringSubmatch(page)
		if found == nil {
			v.t.Fatalf("no %s on the page", id)
		}
		return found[1]
	}
	return sim.Shown{Key: on("api-key"), Secret: on("api-secret")}
}

// revoke clicks through the confirmation of the key that ends so.
func (v *visitor) revoke(environment, last4 string) {
	v.t.Helper()
	answer, err := v.client.Get(v.base + "/" + environment + "/settings/api-keys")
	if err != nil {
		v.t.Fatal(err)
	}
	link := regexp.MustCompile(`href="([^"]+/revoke)" aria-label="[^"]*ending in ` + last4 + `"`).FindStringSubmatch(v.page(answer))
	if link == nil {
		v.t.Fatalf("no key ending in %s can be revoked", last4)
	}
	if page := v.post(link[1], "confirm", last4); !strings.Contains(page, "is revoked") {
		v.t.Fatal("the portal does not say that it is revoked")
	}
}

// keptWorld is `demo --keep DIR` in a process of its own.
type keptWorld struct {
	cmd    *exec.Cmd
	said   *bytes.Buffer // on standard error
	Config string
	Portal string
	Fresh  bool
}

func keepWorld(t *testing.T, st *stage) *keptWorld {
	t.Helper()
	k := &keptWorld{cmd: process(t, st, "demo", "--keep", "world", "--output", "json"), said: &bytes.Buffer{}}
	k.cmd.Stderr = k.said
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.cmd.Process.Kill() })
	if err := json.NewDecoder(out).Decode(k); err != nil {
		t.Fatalf("%v; it said %s", err, k.said)
	}
	return k
}

func (k *keptWorld) ends(t *testing.T, signal os.Signal) int {
	t.Helper()
	if err := k.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return exitOf(t, k.cmd)
}

// there runs a command against the kept world.
func there(t *testing.T, st *stage, in string, args ...string) (int, string) {
	t.Helper()
	return aside(t, process(t, st, append([]string{"--config", "world/quarterturn.yaml", "--as", "ada"}, args...)...), in)
}

func stateThere(t *testing.T, st *stage) string {
	t.Helper()
	_, said := there(t, st, "", "status", "--output", "json")
	var answer struct{ Credentials []struct{ State string } }
	if err := json.Unmarshal([]byte(said), &answer); err != nil {
		t.Fatalf("%v in %s", err, said)
	}
	return answer.Credentials[0].State
}

// runUntil runs passes, as a timer would, until the rotation is in that state ("idle" once it is over).
func runUntil(t *testing.T, st *stage, state string) {
	t.Helper()
	said := ""
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if stateThere(t, st) == state {
			return
		}
		var code int
		if code, said = there(t, st, "", "run"); code != exitDone && code != exitTransient {
			t.Fatalf("run: exit code %d: %s", code, said)
		}
	}
	t.Fatalf("it did not come to %s; the last pass said %s", state, said)
}

// replaceIn edits a file of the world, as a person would.
func replaceIn(t *testing.T, path, old, fresh string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), old) != 1 {
		t.Fatalf("%q stands %d times in the file, %v", old, strings.Count(string(text), old), err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, fresh, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secretlessFile: neither key nor secret of a pair stands in it.
func secretlessFile(t *testing.T, path string, pairs ...sim.Shown) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if strings.Contains(string(text), p.Secret) || strings.Contains(string(text), p.Key) {
			t.Errorf("%s holds a key or a secret", filepath.Base(path))
		}
	}
}

// A world is kept: a whole rotation by the ordinary commands against the machine's clock, with a pass and the world
// itself killed in between.
func TestDemoKeep(t *testing.T) {
	st := &stage{dir: t.TempDir()}
	k := keepWorld(t, st)
	if !k.Fresh || k.Config != "world/quarterturn.yaml" {
		t.Errorf("it says %+v", k)
	}
	replaceIn(t, st.path("world/quarterturn.yaml"), keptOverlap, "overlap: 1s")
	if code, said := there(t, st, "", "check"); code != exitDone {
		t.Errorf("check: exit code %d: %s", code, said)
	}
	runUntil(t, st, string(rotator.AwaitingKey))

	ada := visit(t, k.Portal)
	fresh := ada.create(sim.Production)
	if code := k.ends(t, syscall.SIGKILL); code != -1 {
		t.Errorf("killed, it ended with %d", code)
	}
	again := keepWorld(t, st)
	if again.Fresh || again.Portal != k.Portal {
		t.Errorf("the world did not go on: %+v", again)
	}
	secretlessFile(t, st.path("world/world.json"), fresh)
	code, said := there(t, st, "BLUUM_API_KEY="+fresh.Key+"\nBLUUM_API_SECRET="+fresh.Secret+"\n", "submit", demoName,
		"--organisation", "Acme Trading", "--environment", "production")
	if code != exitDone || !strings.Contains(said, "Your pair is safe") {
		t.Fatalf("submit: exit code %d: %s", code, said)
	}
	killAPass(t, st, again)
	runUntil(t, st, string(rotator.AwaitingRevocation))

	old := oldFragmentThere(t, st)
	visit(t, again.Portal).revoke(sim.Production, old)
	if code, said := there(t, st, "", "revoked", demoName, "--last4", old); code != exitDone {
		t.Fatalf("revoked: exit code %d: %s", code, said)
	}
	runUntil(t, st, "idle")
	if code, said := there(t, st, "", "evidence", demoName); code != exitDone || !strings.Contains(said, "closed") {
		t.Errorf("evidence: exit code %d: %s", code, said)
	}
	if code, said := there(t, st, "", "audit", "verify"); code != exitDone {
		t.Errorf("audit verify: exit code %d: %s", code, said)
	}
	if code := again.ends(t, os.Interrupt); code != exitSignal || !strings.Contains(again.said.String(), "demo --keep world") {
		t.Errorf("Ctrl-C: exit code %d: %s", code, again.said)
	}
}

// killAPass kills a pass while it waits for a vendor that does not answer, and lets the lease it held run out.
func killAPass(t *testing.T, st *stage, k *keptWorld) {
	t.Helper()
	if err := k.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	pass := process(t, st, "--config", "world/quarterturn.yaml", "run")
	if err := pass.Start(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+st.path("world/quarterturn.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	held := 0
	for deadline := time.Now().Add(patient); held == 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err := db.QueryRow(`SELECT count(*) FROM rotations WHERE lease_until > ?`, time.Now().UnixNano()).Scan(&held); err != nil {
			t.Fatal(err)
		}
	}
	if err := pass.Process.Kill(); err != nil || held != 1 {
		t.Fatalf("the pass holds %d rotations; killing it: %v", held, err)
	}
	_ = exitOf(t, pass)
	if err := k.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE rotations SET lease_until = 0`); err != nil { // what two minutes do
		t.Fatal(err)
	}
}

func oldFragmentThere(t *testing.T, st *stage) string {
	t.Helper()
	_, said := there(t, st, "", "status", "--output", "json")
	var answer struct{ Credentials []struct{ Pairs []pairView } }
	if err := json.Unmarshal([]byte(said), &answer); err != nil {
		t.Fatal(err)
	}
	for _, p := range answer.Credentials[0].Pairs {
		if p.Life == string(rotator.Previous) {
			return p.LastFour
		}
	}
	t.Fatalf("no pair to revoke in %s", said)
	return ""
}

// Where a port is taken by now, the files learn the new one and keep what a person wrote into them.
func TestDemoKeepMovesHouse(t *testing.T) {
	st := &stage{dir: t.TempDir()}
	first := keepWorld(t, st)
	if code := first.ends(t, syscall.SIGTERM); code != exitSignal {
		t.Fatalf("exit code %d: %s", code, first.said)
	}
	replaceIn(t, st.path("world/quarterturn.yaml"), "# older is overdue", "# a person wrote this")
	text, err := os.ReadFile(st.path("world/world.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state keptState
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{state.Addresses.Portal, state.Addresses.Production, state.Addresses.Service} {
		squatter := &http.Server{Addr: at, ReadHeaderTimeout: patient}
		go func() { _ = squatter.ListenAndServe() }()
		t.Cleanup(func() { _ = squatter.Close() })
		for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if answer, err := http.Get("http://" + at); err == nil {
				_ = answer.Body.Close()
				break
			}
		}
	}
	second := keepWorld(t, st)
	if second.Portal == first.Portal {
		t.Error("two portals at one address")
	}
	if code, said := there(t, st, "", "check"); code != exitDone {
		t.Errorf("check: exit code %d: %s", code, said)
	}
	for _, name := range []string{"quarterturn.yaml", "bluum-demo.yaml"} {
		text, err := os.ReadFile(st.path("world/" + name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), state.Addresses.Production) || strings.Contains(string(text), state.Addresses.Portal) {
			t.Errorf("%s names an address that is another's", name)
		}
		if name == "quarterturn.yaml" && !strings.Contains(string(text), "# a person wrote this") {
			t.Error("what a person wrote is gone")
		}
	}
}

// What --keep refuses, it leaves alone.
func TestDemoKeepRefuses(t *testing.T) {
	st := &stage{dir: t.TempDir()}
	if err := os.Mkdir(st.path("full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(st.path("full/mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = keepWorld(t, st)
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"a folder with something in it": {[]string{"--keep", "full"}, "nothing was changed"},
		"no folder":                     {[]string{"--keep", ""}, "--keep takes a folder"},
		"a file":                        {[]string{"--keep", "full/mine"}, "cannot be made"},
		"a world that runs":             {[]string{"--keep", "world"}, "runs in this folder already"},
		"two wishes":                    {[]string{"--keep", "other", "--interactive"}, "choose one"},
		"nobody there":                  {[]string{"--interactive"}, "run it at a terminal"},
		"no person in JSON":             {[]string{"--interactive", "--output", "json"}, "talks with a person"},
	} {
		t.Run(name, func(t *testing.T) {
			code, said := aside(t, process(t, st, append([]string{"demo"}, tc.args...)...), "")
			if folded := strings.Join(strings.Fields(said), " "); code != exitUsage || !strings.Contains(folded, tc.says) {
				t.Errorf("exit code %d: %s", code, said)
			}
		})
	}
	entries, err := os.ReadDir(st.path("full"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %d entries now, %v", len(entries), err)
	}
	if _, err := os.Stat(st.path("other")); err == nil {
		t.Error("a folder was made for a wish that was refused")
	}
}
