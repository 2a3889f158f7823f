package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// The bot is a person who knows nothing but what is printed: it runs the command that the last line names, as it stands
// there, answers its questions with what the portal shows, and lets time go by to the moment that is named. `quarterturn
// run` is run besides, as a CronJob does, when nobody is awaited.
type bot struct {
	*crashTeller
	seat  botSeat
	tally *botTally

	pairs   []sim.Shown    // every pair that the portal showed to somebody
	shown   string         // what the last command printed
	before  string         // what the last one printed that had anything to say
	script  []string       // the transcript
	stood   map[string]int // how often the same came of the same
	repeats int            // the most of it
	awaited string         // the last Next line, "" when nobody is awaited
	lasting string         // what stays broken outside, "" when nothing does
	resumed int            // how often a deployment was asked for anew
	down    bool           // the vendor serves nobody
	empty   bool           // the last pass found nothing to do
}

// botSteps is how many commands may bring a world to its end.
const botSteps = 40

// botRepeats is how often the same answer to the same command, but for times, means that nothing moves.
const botRepeats = 6

// botTally is what the bots saw.
type botTally struct {
	ends, distinct, runs, steps, blind int
	ended                              map[string]int
	lines                              map[string]int
	found                              []string
}

func newBotTally() *botTally { return &botTally{ended: map[string]int{}, lines: map[string]int{}} }

func (t *botTally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "next line: %d end states, %d distinct, %d walks of %d steps (%d on a time that nothing named), %d broken\n",
		t.ends, t.distinct, t.runs, t.steps, t.blind, len(t.found))
	for _, end := range slices.Sorted(maps.Keys(t.ended)) {
		fmt.Fprintf(&b, "  ended %-28s %5d\n", end, t.ended[end])
	}
	for _, line := range slices.Sorted(maps.Keys(t.lines)) {
		fmt.Fprintf(&b, "  Next: %-60s %6d\n", line, t.lines[line])
	}
	return b.String()
}

// botID is a name that differs from one telling to the next.
var botID = regexp.MustCompile(`pair-[0-9a-f]+`)

// drive follows the printed lines from a first command to the end: how it ended.
func (b *bot) drive(ctx context.Context, first string) (string, error) {
	command := first
	for range botSteps {
		if err := b.step(ctx, command); err != nil {
			return "", err
		}
		if end, err := b.over(ctx); end != "" || err != nil {
			return end, err
		}
		if b.repeats >= botRepeats {
			return b.stuck(ctx)
		}
		last := command
		if command = b.awaited; command == "" {
			command = b.then(last, b.shown)
		}
	}
	return "", fmt.Errorf("after %d steps it has come to no end", botSteps)
}

// step runs one printed command as it stands there.
func (b *bot) step(ctx context.Context, command string) error {
	b.tally.steps++
	b.script = append(b.script, "$ "+command)
	args := strings.Fields(command)
	if err := botLiteral(args); err != nil {
		return err
	}
	w := b.w
	w.environ = []string{"NO_COLOR=1", "TERM=xterm", "QUARTERTURN_CONFIG=" + b.path("quarterturn.yaml")}
	line := args[1:]
	if args[1] == "approve" { // somebody else does that
		line = append([]string{"--as", botSecond}, line...)
	}
	code, shown, err := b.seat.run(w, line, func(shown string) (string, error) { return b.answer(ctx, args, shown) })
	b.script = append(b.script, fmt.Sprintf("%s(exit %d, %s)", shown, code, stamp(b.clock.now())))
	b.awaited = botNext(shown)
	b.heard(command, shown)
	switch {
	case err != nil:
		return err
	case code == exitDone && args[1] == "resume":
		b.resumed++
	case code == exitUsage && (b.awaited == "" || b.awaited == command) && args[1] != "check": // what check finds is no error
		return errors.New("the command that was printed ends as a usage error")
	case code == exitStop && b.awaited == "" && strings.Contains(shown, "error:"):
		return errors.New("it stops, and no command is named")
	}
	return errors.Join(b.looks(ctx), b.whole(ctx))
}

// heard counts a line, and how often the same came of the same.
func (b *bot) heard(command, shown string) {
	if b.awaited != "" {
		b.tally.lines[botID.ReplaceAllString(b.awaited, "PAIR")]++
	}
	if now := command + "\n" + botStamps.ReplaceAllString(shown, "TIME"); !strings.HasPrefix(shown, "Nothing was ready") {
		b.stood[now]++
		b.repeats = max(b.repeats, b.stood[now])
	}
	if b.shown = shown; !strings.HasPrefix(shown, "Nothing was ready") {
		b.before = shown
	}
}

var botStamps = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)

// botPlaceholder is a word that stands for something the line does not say.
var botPlaceholder = regexp.MustCompile(`^[A-Z]+(/[A-Z]+)?$`)

func botLiteral(args []string) error {
	if len(args) < 2 || args[0] != "quarterturn" {
		return errors.New("the line names no command of this program")
	}
	for _, a := range args {
		if botPlaceholder.MatchString(a) {
			return fmt.Errorf("the line cannot be run as it stands: nobody knows what %s is", a)
		}
	}
	return nil
}

// then is what comes next where no line says Next: what the text names, or a pass at the moment that it names. Where there is
// no such moment any more (a dead process holds the lease), a CronJob comes by every five minutes.
func (b *bot) then(command, shown string) string {
	at, now := botMoment(shown), b.clock.now()
	switch {
	case at.After(now.Add(-time.Minute)):
		b.clock.advance(at.Add(time.Minute).Sub(now)) // the seconds are not printed
		b.empty = false
	case strings.Contains(shown, "quarterturn status") && !b.empty:
		b.empty = true // a pass found nothing to do
		return "quarterturn status"
	case b.empty || command == "quarterturn run":
		b.tally.blind++
		b.clock.advance(5 * time.Minute)
		b.empty = false
	}
	return "quarterturn run"
}

// ---- what the portal and its person know -----------------------------------------------------------------------------

// answer is what a person types at a question, or gives by standard input when shown is "".
func (b *bot) answer(ctx context.Context, args []string, shown string) (string, error) {
	asked := strings.TrimSpace(shown[strings.LastIndex(shown, "\n")+1:])
	if asked == "" {
		asked = botAsks(args)
	}
	for question, reply := range map[string]func() (string, error){
		"organisation:":     func() (string, error) { return "Acme Trading\n", nil },
		"portal showed:":    func() (string, error) { return "Acme Trading\n", nil },
		"trail:":            func() (string, error) { return b.reasons(args) },
		"Z/2h:":             func() (string, error) { return b.clock.now().Format("2006-01-02T15:04Z07:00") + "/4h\n", nil },
		"reason and window": func() (string, error) { return b.both() },
		"ends):":            func() (string, error) { return b.pastes(ctx) },
		"four:":             func() (string, error) { return b.revokes(b.before + "\n" + shown) },
		"was revoked:":      func() (string, error) { return b.revokes(b.before + "\n" + shown) },
		"nothing":           func() (string, error) { return "", nil },
	} {
		if strings.HasSuffix(asked, question) {
			return reply()
		}
	}
	return "", fmt.Errorf("nobody knows what to answer to %q", asked)
}

// reasons gives a reason. Who attests that a pair is revoked has revoked it, as was said.
func (b *bot) reasons(args []string) (string, error) {
	if args[1] == "attest" {
		if _, err := b.revokes(b.before); err != nil {
			return "", err
		}
	}
	return "as agreed in the morning\n", nil
}

func (b *bot) both() (string, error) {
	return "as agreed in the morning\n" + b.clock.now().Format("2006-01-02T15:04Z07:00") + "/4h\n", nil
}

// botAsks is what a person without a terminal knows that a command reads from standard input.
func botAsks(args []string) string {
	switch line := strings.Join(args, " "); {
	case args[1] == "submit":
		return "ends):"
	case args[1] == "revoked":
		return "was revoked:"
	case args[1] == "attest" && strings.Contains(line, "--environment"):
		return "portal showed:"
	case args[1] == "attest", args[1] == "waive":
		return "trail:"
	case args[1] == "approve" && strings.Contains(line, "--consumers"):
		return "reason and window"
	}
	return "nothing"
}

// pastes makes a pair in the portal and hands it in. One that was not said to be safe is handed in again; one that waits
// to be used must not be asked for a second time.
func (b *bot) pastes(ctx context.Context) (string, error) {
	life, err := b.lifeOf(ctx, b.fresh)
	if err != nil {
		return "", err
	}
	switch {
	case life == rotator.Candidate && b.receipt != nil, life == rotator.Current:
		return "", errors.New("a pair is asked for again after one was taken in")
	case b.fresh.ID == "", life == rotator.Orphan, life == rotator.Dead, b.gone[b.fresh.ID]:
		if b.fresh, err = b.vendor.Create(sim.Acme, sim.Production, demoName); err != nil {
			return "", err
		}
		b.receipt, b.pairs = nil, append(b.pairs, b.fresh)
	}
	return "BLUUM_API_KEY=" + b.fresh.Key + "\nBLUUM_API_SECRET=" + b.fresh.Secret + "\n", nil
}

func (b *bot) lifeOf(ctx context.Context, s sim.Shown) (rotator.Life, error) {
	pairs, err := b.shop.ledger.Pairs(ctx, demoName)
	for _, p := range pairs {
		if s.ID != "" && p.Fragment == last4(s) {
			return p.Life, err
		}
	}
	return "", err
}

// botRevoke finds what is to be revoked, in the table at a terminal or in a sentence.
var botRevoke = regexp.MustCompile(`(?:REVOKE KEEP key ends in (\S{4}) |revoke the key ending in (\S{4})|look in the portal for the key ending in (\S{4}))`)

// revokes deletes in the portal what the words name, once, and types the end of its key.
func (b *bot) revokes(said string) (string, error) {
	found := botRevoke.FindAllStringSubmatch(strings.Join(strings.Fields(said), " "), -1)
	if len(found) == 0 {
		return "", errors.New("it is not said which key is to be revoked")
	}
	end := strings.Join(found[len(found)-1][1:], "")
	for _, p := range b.pairs {
		if last4(p) != end {
			continue
		}
		if b.inFile() == p.Key {
			return "", errors.New("the revocation that is asked for would break the service (I-10)")
		}
		if b.gone[p.ID] {
			return end + "\n", nil
		}
		b.gone[p.ID] = true
		return end + "\n", b.vendor.Delete(p.ID)
	}
	return "", fmt.Errorf("the portal has no key that ends in %s", end)
}

func (b *bot) inFile() string {
	text, err := os.ReadFile(b.path("app.env"))
	if err != nil {
		return err.Error()
	}
	return envEntry(text, "BLUUM_API_KEY")
}

// ---- what holds after every step, and at the end ---------------------------------------------------------------------

// looks is the reader outside: the service is served, and the file holds one whole pair that nobody has deleted.
func (b *bot) looks(ctx context.Context) error {
	if b.service != nil && !b.down {
		if status := b.service.Work(ctx); status != http.StatusOK {
			return fmt.Errorf("the service's call failed with status %d", status)
		}
	}
	text, err := os.ReadFile(b.path("app.env"))
	key, secret := envEntry(text, "BLUUM_API_KEY"), envEntry(text, "BLUUM_API_SECRET")
	if err != nil || key == "" && secret == "" && b.old.ID == "" {
		return err
	}
	for _, p := range b.pairs {
		if key == p.Key && secret == p.Secret && !b.gone[p.ID] {
			return nil
		}
	}
	return errors.New("the file holds a mixed, foreign or deleted pair")
}

// over says how it ended, "" while it goes on: no journey is open, and nobody is awaited at a grave.
func (b *bot) over(ctx context.Context) (string, error) {
	all, err := b.shop.ledger.Rotations(ctx, demoName)
	last := chosen(all, false)
	if err != nil || len(last) == 0 || !last[0].State.Over() {
		return "", err
	}
	for _, r := range all {
		if !r.State.Over() && (r.Lane != rotator.Burial || r.State != rotator.RevocationProven) {
			return "", nil
		}
	}
	end := stateWords(last[0].State)
	pairs, err := b.shop.ledger.Pairs(ctx, demoName)
	if slices.ContainsFunc(pairs, func(p rotator.Pair) bool { return p.Life == rotator.Ended }) {
		end += ", attested"
	}
	return end, errors.Join(err, b.settled(ctx, last[0]))
}

// settled: the pair in the file is current, every other one dead, and no secret lies about.
func (b *bot) settled(ctx context.Context, r rotator.Rotation) error {
	errs := []error{b.spills()}
	pairs, err := b.shop.ledger.Pairs(ctx, demoName)
	for _, p := range pairs {
		switch inUse := p.Fragment == fragmentLast(b.inFile()); {
		case !inUse && p.Life == rotator.Ended && b.revoked(p):
		case inUse && p.Life != rotator.Current, !inUse && p.Life != rotator.Dead:
			errs = append(errs, fmt.Errorf("it ended %s, and the pair ending in %s is %s", r.State, p.Fragment, p.Life))
		case r.State == rotator.Closed && p.ID == r.New && !inUse, r.State != rotator.Closed && p.ID == r.Old && !inUse:
			errs = append(errs, fmt.Errorf("it ended %s, and the file holds another pair", r.State))
		}
	}
	if b.service != nil && b.service.Restarts() > 2*len(b.pairs)+b.deaths+1+3*b.resumed {
		errs = append(errs, fmt.Errorf("%d restarts for %d pairs", b.service.Restarts(), len(b.pairs)))
	}
	return errors.Join(append(errs, err)...)
}

// revoked reports whether the person did what they attested.
func (b *bot) revoked(p rotator.Pair) bool {
	return slices.ContainsFunc(b.pairs, func(s sim.Shown) bool { return last4(s) == p.Fragment && b.gone[s.ID] })
}

// spills looks for every pair in every file but the service's own.
func (b *bot) spills() error {
	t := *b.crashTeller
	var errs []error
	for _, p := range b.pairs {
		t.old, t.fresh = p, sim.Shown{}
		errs = append(errs, t.spilled())
	}
	return errors.Join(errs...)
}

// stuck: nothing new comes of what is printed. That is an end only while something outside stays broken, and where the
// ledger itself waits for that, with a reason.
func (b *bot) stuck(ctx context.Context) (string, error) {
	r, err := b.journey(ctx)
	switch {
	case err != nil || b.lasting == "":
	case r.State == rotator.FailedState && r.Facts.Reason != "":
		return "waiting for a person: resume", nil
	case b.awaited == "" && strings.Contains(r.Why, "unclear"):
		return "waiting for the vendor", nil
	}
	return "", errors.Join(err, fmt.Errorf("nothing moves: in %s, %q is awaited and %s", r.State, b.awaited, r.Why))
}
