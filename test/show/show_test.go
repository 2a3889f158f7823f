// Package show_test is what a stranger would do with the simulated portal: it starts the built program, clicks through
// its pages in a real Chromium, and reads a new key off the screen. The screenshots in docs/images are by-products.
package show_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var (
	program = flag.String("quarterturn", "", "the built program, as an absolute path")
	images  = flag.String("images", "", "folder for screenshots; none are made without it")
)

// patient decides only when to give up.
const patient = 30 * time.Second

// visit is one kept world and one browser that looks at its portal.
type visit struct {
	t      *testing.T
	ctx    context.Context
	begun  bool
	dir    string
	Portal string
	Config string
}

func begin(t *testing.T) *visit {
	t.Helper()
	if *program == "" {
		t.Fatal("which program? make test-browser builds one and names it")
	}
	v := &visit{t: t, dir: t.TempDir()}
	v.world()
	v.browser()
	return v
}

// world starts demo --keep and reads where its portal is.
func (v *visit) world() {
	v.t.Helper()
	c := exec.Command(*program, "demo", "--keep", "play", "--output", "json")
	c.Dir = v.dir
	out, err := c.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
	if err := json.NewDecoder(out).Decode(v); err != nil {
		v.t.Fatal(err)
	}
}

func (v *visit) browser() {
	v.t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		v.t.Fatal("no chromium: make test-browser installs Debian's")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.UserDataDir(v.t.TempDir()), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	v.t.Cleanup(stop)
	v.ctx, stop = chromedp.NewContext(ctx)
	v.t.Cleanup(stop)
	v.wide(1000, 760)
}

func (v *visit) wide(width, height int64) {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, height))
}

func (v *visit) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := v.patiently()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// patiently limits a step, once there is a browser: the context of the first step carries the browser itself.
func (v *visit) patiently() (context.Context, context.CancelFunc) {
	if !v.begun {
		v.begun = true
		return v.ctx, func() {}
	}
	return context.WithTimeout(v.ctx, patient)
}

// ask runs one step that answers.
func ask[T any](v *visit, step chromedp.Action[T]) T {
	v.t.Helper()
	ctx, cancel := v.patiently()
	defer cancel()
	answer, err := chromedp.Run(ctx, step)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer
}

// click follows what a person would click, and waits for the page behind it.
func (v *visit) click(selector, wanted string) {
	v.t.Helper()
	v.loads(wanted, chromedp.Click(chromedp.CSS(selector)))
}

// loads takes a step that ends in a page with that heading.
func (v *visit) loads(wanted string, step chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := v.patiently()
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, step); err != nil {
		v.t.Fatal(err)
	}
	v.headed(wanted)
}

// goes takes a step of the browser's own controls, which waits for its page by itself.
func (v *visit) goes(wanted string, step chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	v.do(step)
	v.headed(wanted)
}

func (v *visit) headed(wanted string) {
	v.t.Helper()
	if got := v.read("h1"); !strings.Contains(got, wanted) {
		v.t.Fatalf("the page is %q, want %q", got, wanted)
	}
}

func (v *visit) read(selector string) string {
	v.t.Helper()
	return ask(v, chromedp.Text(chromedp.CSS(selector)))
}

func (v *visit) types(selector, text string) {
	v.t.Helper()
	v.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// source is everything on the page.
func (v *visit) source() string {
	v.t.Helper()
	return ask(v, chromedp.OuterHTML(chromedp.CSS("html")))
}

// shoot keeps what is on the screen.
func (v *visit) shoot(name string) {
	v.t.Helper()
	if *images == "" {
		return
	}
	png := ask(v, chromedp.FullScreenshot(100))
	if len(png) > 150_000 {
		v.t.Errorf("%s has %d bytes", name, len(png))
	}
	if err := os.WriteFile(filepath.Join(*images, name+".png"), png, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// says runs a command on the world and returns its exit code and output.
func (v *visit) says(in string, args ...string) (int, string) {
	v.t.Helper()
	c := exec.Command(*program, append([]string{"--config", v.Config, "--as", "ada"}, args...)...)
	c.Dir, c.Stdin = v.dir, strings.NewReader(in)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	_ = c.Run()
	return c.ProcessState.ExitCode(), out.String()
}

// A person without scripts in their browser creates a key, reads it off the page, and hands it in; then revokes the old.
func TestClickThrough(t *testing.T) {
	v := begin(t)
	v.goes("Sign in", chromedp.Navigate(v.Portal))
	v.shoot("portal-sign-in")
	v.do(chromedp.Click(chromedp.CSS(`input[value="ada"]`)))
	v.click("main button", "Acme Trading")
	v.click(`.switch a[href^="/production"]`, "Acme Trading")
	v.click("main a.button", "API Keys")
	v.click(`a[href$="/new"]`, "Create an API key")
	v.types("#name", "bluum-production-2026-11-25")
	v.shoot("portal-create")
	v.click("main button", "Copy your API key")
	key, secret := v.read("#api-key"), v.read("#api-secret")
	v.shoot("portal-shown-once")
	v.once(key, secret)

	for _, args := range [][]string{{"run"}, {"submit", "bluum-production", "--organisation", "Acme Trading", "--environment", "production"}, {"run"}} {
		if code, said := v.says("BLUUM_API_KEY="+key+"\nBLUUM_API_SECRET="+secret+"\n", args...); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, said)
		}
	}
	if _, said := v.says("", "status", "bluum-production"); !strings.Contains(said, key[len(key)-4:]) {
		t.Errorf("the key that was read off the page is not known: %s", said)
	}
	v.revokeOld(key[len(key)-4:])
	v.phone()
}

// once: neither a reload nor the back button shows the secret again.
func (v *visit) once(key, secret string) {
	v.t.Helper()
	gone := func(when string) {
		v.t.Helper()
		if text := v.source(); strings.Contains(text, secret) || strings.Contains(text, key) {
			v.t.Errorf("%s shows the secret again", when)
		}
	}
	v.click("main a.button.main", "API Keys")
	gone("the list")
	v.back()
	gone("the back button")
	v.headed("shown already")
	v.goes("shown already", chromedp.Reload())
	gone("a reload")
	v.click("main a.button", "API Keys")
}

// back is the back button. Where the browser kept the page whole, nothing is loaded, so a load can't be waited for.
func (v *visit) back() {
	v.t.Helper()
	v.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		history, err := cdp.Call(ctx, t, page.GetNavigationHistory, cdp.Empty{})
		if err == nil {
			_, err = cdp.Call(ctx, t, page.NavigateToHistoryEntry,
				page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})
		}
		return chromedp.Void{}, err
	})
	v.do(chromedp.WaitNotPresent(chromedp.CSS("table")))
}

// revokeOld clicks through the confirmation of the key that is not the new one.
func (v *visit) revokeOld(last4 string) {
	v.t.Helper()
	v.goes("API Keys", chromedp.Reload())
	v.shoot("portal-keys")
	v.click(`tbody tr:last-child a.danger`, "Revoke this API key?")
	if strings.Contains(v.read("main dl"), last4) {
		v.t.Fatal("this is the new key")
	}
	v.shoot("portal-revoke")
	v.types("#confirm", "nonsense")
	v.click("main button", "Revoke this API key?")
	_ = v.read(".error")
	v.types("#confirm", "bluum-production")
	v.click("main button", "API Keys")
	_ = v.read(".note")
	v.click(`a[href$="/new"]`, "No more API keys")
	v.shoot("portal-limit")
}

// phone: nothing is wider than a phone's screen.
func (v *visit) phone() {
	v.t.Helper()
	v.wide(375, 760)
	for path, heading := range map[string]string{"/production/settings/api-keys": "API Keys", "/production/": "Acme Trading",
		"/sandbox/settings/api-keys/new": "Create an API key"} {
		v.goes(heading, chromedp.Navigate(v.Portal+path))
		width := ask(v, func(ctx context.Context, t *chromedp.Target) (float64, error) {
			metrics, err := cdp.Call(ctx, t, page.GetLayoutMetrics, cdp.Empty{})
			return metrics.CSSContentSize.Width, err
		})
		if width > 375 {
			v.t.Errorf("%s is %.0f wide on a phone", path, width)
		}
		if strings.HasSuffix(path, "api-keys") {
			v.shoot("portal-phone")
		}
	}
}
