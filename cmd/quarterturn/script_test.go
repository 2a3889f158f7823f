package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"quarterturn/internal/sim"
	"quarterturn/internal/strict"
	"quarterturn/rotator"
)

// TestScripts plays every script of testdata/script. A script's world is a stage of this process: `exits` runs a command
// line with the stage's clock, so that days pass at once, and `exec quarterturn` runs the real thing in a process of its
// own. No flag or variable of the binary moves time.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			p := &play{made: map[string]sim.Shown{}, dir: env.WorkDir}
			env.Values[playKey{}] = p
			env.Setenv("QUARTERTURN_CONFIG", env.WorkDir+"/quarterturn.yaml")
			env.Defer(p.close)
			return named(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"world": cmdWorld, "clock": cmdClock, "passes": cmdPasses, "portal": cmdPortal, "paste": cmdPaste, "service": cmdService,
			"exits": cmdExits, "json": cmdJSON, "edit": cmdEdit, "until": cmdUntil, "sql": cmdSQL, "holds": cmdHolds,
			"fault": cmdFault, "damage": cmdDamage, "env-file": cmdEnvFile, "env-json": cmdEnvJSON,
			"says": folded("stdout"), "warns": folded("stderr"),
		}})
}

// named gives this test binary the name quarterturn, under which TestMain makes it the real thing.
func named(env *testscript.Env) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	bin := env.WorkDir + "/.bin"
	env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
	return errors.Join(os.Mkdir(bin, 0o700), os.Symlink(exe, bin+"/quarterturn"))
}

type playKey struct{}

// play is one script's world.
type play struct {
	dir    string
	st     *stage
	made   map[string]sim.Shown // what the portal showed, by the script's names
	pasted string               // standard input of the next command
}

func of(ts *testscript.TestScript) *play { return ts.Value(playKey{}).(*play) }

// on is the script's world once there is one.
func on(ts *testscript.TestScript) *play {
	p := of(ts)
	if p.st == nil {
		ts.Fatalf("there is no world yet")
	}
	return p
}

func (p *play) close() {
	if p.st != nil {
		_ = p.st.close()
	}
}

// cmdWorld is `world [first] [older] [label] [age=76d] [limit=2] [bites=61m] [overlap=24h]`: a stage in $WORK. The pair in use, when
// there is one, is called old.
func cmdWorld(ts *testscript.TestScript, _ bool, args []string) {
	p := of(ts)
	o := stageOptions{Age: demoAge, Propagation: demoBites}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "first":
			o.Age = 0
		case "older":
			o.Older = true
		case "label":
			o.Label = true
		case "overlap":
			o.Amend = func(_ *stage, text string) (string, error) {
				return strings.Replace(text, "overlap: 24h", "overlap: "+value, 1), nil
			}
		case "age":
			o.Age = duration(ts, value)
		case "bites":
			o.Propagation = duration(ts, value)
		case "limit":
			n, err := strconv.Atoi(value)
			ts.Check(err)
			o.LiveLimit = n
		default:
			ts.Fatalf("world: unknown option %s", arg)
		}
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	st, err := newStage(context.Background(), scriptWorld(), p.dir, now.Add(-o.Age), o)
	ts.Check(err)
	ts.Check(closeShop(st))
	p.st = st
	if o.Age > 0 {
		p.shown(ts, "old", st.old)
	}
}

func duration(ts *testscript.TestScript, text string) time.Duration {
	d, err := strict.ParseDuration(text)
	ts.Check(err)
	return time.Duration(d)
}

// shown keeps what the portal showed, and gives it to the script as $NAME_KEY, $NAME_SECRET and $NAME_LAST4.
func (p *play) shown(ts *testscript.TestScript, name string, s sim.Shown) {
	p.made[name] = s
	upper := strings.ToUpper(name)
	ts.Setenv(upper+"_KEY", s.Key)
	ts.Setenv(upper+"_SECRET", s.Secret)
	ts.Setenv(upper+"_LAST4", s.Key[len(s.Key)-4:])
}

// cmdClock is `clock +25h`.
func cmdClock(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: clock +DURATION")
	}
	on(ts).st.clock.advance(duration(ts, strings.TrimPrefix(args[0], "+")))
}

// cmdPasses is `passes +3h`: a timer that calls run every quarter of an hour meanwhile.
func cmdPasses(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: passes +DURATION")
	}
	for left := duration(ts, strings.TrimPrefix(args[0], "+")); left > 0; left -= 15 * time.Minute {
		on(ts).st.clock.advance(min(left, 15*time.Minute))
		cmdExits(ts, false, []string{"0", "quarterturn", "run"})
	}
}

// cmdPortal is `portal create production new [globex]`, and `portal delete|disable|enable|revive NAME`.
func cmdPortal(ts *testscript.TestScript, neg bool, args []string) {
	p := on(ts)
	if len(args) < 2 {
		ts.Fatalf("usage: portal create ENVIRONMENT NAME [globex], or portal ACT NAME")
	}
	var err error
	switch id := p.made[args[1]].ID; args[0] {
	case "create":
		organisation := sim.Acme
		if len(args) == 4 {
			organisation = sim.Globex
		}
		var s sim.Shown
		if s, err = p.st.vendor.Create(organisation, args[1], args[2]); err == nil {
			p.shown(ts, args[2], s)
		}
	case "delete":
		err = p.st.vendor.Delete(id)
	case "disable":
		err = p.st.vendor.Disable(id)
	case "enable":
		err = p.st.vendor.Enable(id)
	case "revive":
		err = p.st.vendor.Revive(id)
	default:
		ts.Fatalf("portal: unknown act %s", args[0])
	}
	if (err != nil) != neg {
		ts.Fatalf("portal %s: %v", args[0], err)
	}
}

// cmdPaste is `paste NAME`: the next command finds that pair on standard input, as lines of a .env file; or
// `paste FILE`: it finds the file, with $NAME_KEY and the like filled in.
func cmdPaste(ts *testscript.TestScript, _ bool, args []string) {
	p := of(ts)
	if s, made := p.made[args[0]]; made {
		p.pasted = fmt.Sprintf("BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", s.Key, s.Secret)
		return
	}
	p.pasted = os.Expand(ts.ReadFile(args[0]), ts.Getenv)
}

// cmdService is `service come-back-old|pin-old|unpin|ignore-restarts`, `service fail-restarts N`, and
// `service works STATUS`: what its own call with its pair answers.
func cmdService(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts).st.service
	switch args[0] {
	case "come-back-old":
		s.ComeBackOld()
	case "pin-old":
		s.PinOld()
	case "unpin":
		s.Unpin()
	case "ignore-restarts":
		s.IgnoreRestart(true)
	case "fail-restarts":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		s.FailRestarts(n)
	case "works":
		if got := s.Work(context.Background()); strconv.Itoa(got) != args[1] {
			ts.Fatalf("the service's call answered %d (%s), want %s", got, http.StatusText(got), args[1])
		}
	default:
		ts.Fatalf("service: unknown act %s", args[0])
	}
}

// cmdFault is `fault down`: the vendor answers 503 to everything, until `fault calm`.
func cmdFault(ts *testscript.TestScript, _ bool, args []string) {
	v := on(ts).st.vendor
	switch args[0] {
	case "down":
		v.Inject(sim.Fault{Times: -1, Do: sim.Unavailable})
	case "calm":
		v.Calm()
	default:
		ts.Fatalf("fault: unknown %s", args[0])
	}
}

// cmdEnvFile is `env-file NAME FILE`: the variable gets what the file holds.
func cmdEnvFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// cmdHolds is `holds FILE NAME`: the .env file holds that pair, both fields.
func cmdHolds(ts *testscript.TestScript, neg bool, args []string) {
	text, s := ts.ReadFile(args[0]), on(ts).made[args[1]]
	has := strings.Contains(text, "BLUUM_API_KEY="+s.Key+"\n") && strings.Contains(text, "BLUUM_API_SECRET="+s.Secret+"\n")
	if has == neg {
		ts.Fatalf("%s holds the pair %s: %t", args[0], args[1], has)
	}
}

// cmdEdit is `edit FILE OLD NEW`: replaces the one occurrence of OLD; \n in NEW ends a line.
func cmdEdit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if strings.Count(text, args[1]) != 1 {
		ts.Fatalf("%s contains %q %d times, want once", args[0], args[1], strings.Count(text, args[1]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"), 1)), 0o600))
}

// cmdSQL is `sql STATEMENT`: what somebody with the file and bad intentions could do to the ledger.
func cmdSQL(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs("quarterturn.db"))
	ts.Check(err)
	for _, statement := range args {
		_, err = db.Exec(statement)
		ts.Check(err)
	}
	ts.Check(db.Close())
}

// cmdDamage is `damage FILE`: a disk that loses everything behind the first page.
func cmdDamage(ts *testscript.TestScript, _ bool, args []string) {
	text := []byte(ts.ReadFile(args[0]))
	for i := 4096; i < len(text); i++ {
		text[i] = 0xa5
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// cmdUntil is `until STATE`: passes run, each when one is due, until the rotation is in that state.
func cmdUntil(ts *testscript.TestScript, _ bool, args []string) {
	p, ctx := on(ts), context.Background()
	ts.Check(p.st.reopen(ctx))
	defer func() { ts.Check(closeShop(p.st)) }()
	for range 400 {
		r, err := p.st.journey(ctx)
		ts.Check(err)
		if r.State == rotator.State(args[0]) {
			return
		}
		_, err = p.st.skip(ctx)
		ts.Check(err)
		_, err = p.st.shop.rt.Pass(ctx)
		ts.Check(err)
	}
	ts.Fatalf("the rotation did not come to %s", args[0])
}

// cmdExits is `exits CODE quarterturn ARGUMENT...`: runs the command line in this process, with the stage's clock, and
// holds what it says to the manners that every command has.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 || args[1] != "quarterturn" {
		ts.Fatalf("usage: exits CODE quarterturn ARGUMENT...")
	}
	p := of(ts)
	w := scriptWorld()
	if p.st != nil {
		w.now, w.wait = p.st.w.now, p.st.w.wait
	}
	var out, errs bytes.Buffer
	w.in, w.out, w.err = strings.NewReader(p.pasted), &out, &errs
	w.environ = []string{"QUARTERTURN_CONFIG=" + ts.Getenv("QUARTERTURN_CONFIG"), "USER=somebody", "TERM=xterm-256color",
		"QUARTERTURN_PRINT_KEY=" + ts.Getenv("QUARTERTURN_PRINT_KEY")}
	p.pasted = ""
	code := run(context.Background(), args[2:], w)
	_, _ = io.Copy(ts.Stdout(), bytes.NewReader(out.Bytes()))
	_, _ = io.Copy(ts.Stderr(), bytes.NewReader(errs.Bytes()))
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
	p.manners(ts, args[2:], out.String(), errs.String())
}

// manners are what holds of whatever any command says.
func (p *play) manners(ts *testscript.TestScript, args []string, out, errs string) {
	for _, said := range []string{out, errs} {
		if strings.ContainsRune(said, '\x1b') {
			ts.Fatalf("escape codes went into a pipe")
		}
		if name := p.leaked(said); name != "" {
			ts.Fatalf("8 characters of the pair %q are in the output", name)
		}
	}
	line := " " + strings.Join(args, " ")
	switch {
	case strings.Contains(line, " --output json"), strings.Contains(line, " --output=json"):
		wholeJSON(ts, out)
		wholeJSON(ts, errs)
	case !strings.Contains(line, " config schema"):
		p.readable(ts, out)
		p.readable(ts, errs)
	}
}

// leaked names a pair of which a run of 8 characters is in text; the known beginnings of keys don't count.
func (p *play) leaked(text string) string {
	for name, s := range p.made {
		for _, value := range []string{s.Secret, s.Key[strings.LastIndexByte(s.Key, '_')+1:]} {
			for i := 0; i+8 <= len(value); i++ {
				if strings.Contains(text, value[i:i+8]) {
					return name
				}
			}
		}
	}
	return ""
}

// readable text fits 80 columns, commands, prints and paths of the test's own folder aside, and Next: is its last line or not there.
func (p *play) readable(ts *testscript.TestScript, text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, l := range lines {
		whole := strings.HasPrefix(l, "Next:") || !strings.Contains(l, " ") // to be copied: never broken
		whole = whole || strings.HasPrefix(l, `{"time":`)                   // a log's line
		if n := len([]rune(l)); n > width && !whole && !strings.Contains(l, p.dir) {
			ts.Fatalf("%d columns: %s", n, l)
		}
		if strings.HasPrefix(l, "Next:") && i != len(lines)-1 {
			ts.Fatalf("Next: is not the last line")
		}
	}
}

// folded makes `says REGEXP` and `warns REGEXP`: the last output matches once its line ends and indents are single blanks.
func folded(stream string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		text := strings.Join(strings.Fields(ts.ReadFile(stream)), " ")
		matched, err := regexp.MatchString(args[0], text)
		ts.Check(err)
		if len(args) != 1 || matched == neg {
			ts.Fatalf("%s: %q found: %t, in %s", stream, args[0], matched, text)
		}
	}
}

func wholeJSON(ts *testscript.TestScript, text string) {
	if text != "" && !json.Valid([]byte(text)) {
		ts.Fatalf("not one JSON document: %s", text)
	}
}

// cmdJSON is `json PATH [REGEXP]`: the JSON on standard output, or on standard error when there is none, has something
// at the path (names and numbers with dots, len for a length), and it matches as a whole.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stdout")
	if text == "" {
		text = ts.ReadFile("stderr")
	}
	var doc any
	ts.Check(json.Unmarshal([]byte(text), &doc))
	value, err := at(doc, strings.Split(args[0], "."))
	if len(args) == 1 {
		if (err != nil) != neg {
			ts.Fatalf("%s: %v", args[0], err)
		}
		return
	}
	ts.Check(err)
	matched, err := regexp.MatchString("^(?:"+args[1]+")$", fmt.Sprint(value))
	ts.Check(err)
	if matched == neg {
		ts.Fatalf("%s is %v", args[0], value)
	}
}

// cmdEnvJSON is `env-json NAME PATH`: the variable gets what the JSON on standard output has at the path.
func cmdEnvJSON(ts *testscript.TestScript, _ bool, args []string) {
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
	value, err := at(doc, strings.Split(args[1], "."))
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprint(value))
}

func at(doc any, path []string) (any, error) {
	for _, step := range path {
		switch d := doc.(type) {
		case map[string]any:
			v, ok := d[step]
			if !ok {
				return nil, errors.New("nothing there")
			}
			doc = v
		case []any:
			if step == "len" {
				doc = len(d)
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(d) {
				return nil, errors.New("no such element")
			}
			doc = d[i]
		default:
			return nil, errors.New("nothing below")
		}
	}
	return doc, nil
}
