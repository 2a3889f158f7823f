package pastes

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"quarterturn/backends"
	"quarterturn/backends/dotenv"
	"quarterturn/intake"
	"quarterturn/internal/seal/age"
	"quarterturn/ledger"
	"quarterturn/policies"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// door is the way of a paste into the ledger: the intake, then Accept. A plant weakens one of them.
type door struct {
	parse  func(text []byte, fields []intake.Field) (secret.Material, []string, error)
	accept func(ctx context.Context, p rotator.Paste) (rotator.Receipt, error)
}

// desk is where pastes are handed in: the real intake, the real Accept on a ledger of its own, a .env file as the place,
// and a vendor that accepts every pair it is shown, so that nothing but the door keeps a wrong one from the place.
type desk struct {
	t      *testing.T
	dir    string
	now    time.Time
	ids    int
	keys   secret.Keys
	ledger *ledger.SQLite
	rt     *rotator.Rotator
	door   door
	world  World
	id     rotator.ID // of the rotation that awaits a pair
	watch  *sql.DB    // a connection of its own, which sees every commit of others
	env    []byte     // what the place held in the beginning
	fields []intake.Field
	bluum  vendors.Profile
	hexed  vendors.Profile // the same with hexadecimal fields
}

// plant is one weakness, put between the parts of the door.
type plant struct {
	name   string
	ledger func(rotator.Ledger) rotator.Ledger
	shape  func(secret.Material) error
	door   func(d *desk, was door) door
}

const (
	main   = "bluum-production"
	narrow = "narrow-production"
)

// newDesk stands ready to take a pair of main and of narrow, and knows pairs of every life.
func newDesk(t *testing.T, p plant, more ...string) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	g := New(77, World{})
	for _, pair := range []*Pair{&d.world.Current, &d.world.Previous, &d.world.Dead, &d.world.Orphan, &d.world.Elsewhere, &d.world.Neighbour} {
		g.fresh(24, 40)
		*pair = Pair{Key: "K" + g.Pair.Key, Secret: "S" + g.Pair.Secret}
	}
	d.world.Credential, d.world.Narrow, d.world.Environment, d.world.Organisation = main, narrow, "production", "Acme Trading"
	d.world.Names = [2]string{"BLUUM_API_KEY", "BLUUM_API_SECRET"}
	d.env = fmt.Appendf(nil, "PORT=8080\nBLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", d.world.Current.Key, d.world.Current.Secret)
	d.must(os.WriteFile(d.path("app.env"), d.env, 0o600))
	d.readProfiles()
	d.wire(p, more)
	d.open()
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

// clock goes on by itself, so that no two moments are one.
func (d *desk) clock() time.Time { d.now = d.now.Add(time.Millisecond); return d.now }

func (d *desk) wire(p plant, more []string) {
	recipient, err := age.NewIdentity(d.path("seal.key"))
	d.must(err)
	d.must(secret.CreateFile(d.path("fingerprint.key"), secret.New(secret.NewKey()+"\n")))
	d.keys, err = secret.LoadKeys(d.path("fingerprint.key"))
	d.must(err)
	d.ledger, err = ledger.OpenSQLite(d.t.Context(), d.path("ledger.db"), d.clock, ledger.Options{})
	d.must(err)
	d.t.Cleanup(func() { _ = d.ledger.Close() })
	d.watch, err = sql.Open("sqlite", "file:"+d.path("ledger.db")+"?mode=ro")
	d.must(err)
	d.watch.SetMaxOpenConns(1)
	d.t.Cleanup(func() { _ = d.watch.Close() })
	o := rotator.Options{Ledger: d.ledger, Keys: d.keys, Now: d.clock, Owner: "a pass",
		NewID: func() string { d.ids++; return fmt.Sprintf("%016d", d.ids) }}
	if p.ledger != nil {
		o.Ledger = p.ledger(d.ledger)
	}
	o.Seal, err = age.NewSeal([]string{recipient})
	d.must(err)
	o.Open, err = age.NewOpen(d.path("seal.key"))
	d.must(err)
	for _, name := range append([]string{main, narrow}, more...) {
		o.Credentials = append(o.Credentials, d.credential(name, p))
	}
	d.rt, err = rotator.New(o)
	d.must(err)
	d.door = door{parse: intake.Parse, accept: d.rt.Accept}
	if p.door != nil {
		d.door = p.door(d, d.door)
	}
}

// credential has a place, and nobody who uses it: what reads the place is not the question here.
func (d *desk) credential(name string, p plant) rotator.Credential {
	profile := d.bluum
	if name == narrow {
		profile = d.hexed
	}
	c := rotator.Credential{Spec: rotator.Spec{Credential: name, Vendor: profile.Name, Environment: d.world.Environment,
		Organisation: d.world.Organisation, Digest: "spec", Fields: profile.FieldNames(), Owner: "olga",
		Policy:  policies.Policy{MaxAge: 90 * policies.Day, RotateAt: 75 * policies.Day, Overlap: 24 * time.Hour},
		Profile: rotator.ProfileSpec{Lifecycle: "overlap", Host: "api.example", LiveLimit: 9, Propagation: 10 * time.Minute, FailingProbes: true, KeyField: "key"}},
		Hands: rotator.Hands{Places: map[string]backends.Place{}, Prober: yes{d}, Shape: profile.Shape,
			Random: func(m secret.Material) secret.Material { return m }}}
	if p.shape != nil {
		c.Hands.Shape = p.shape
	}
	if name != main {
		return c
	}
	entries := map[string]string{"key": d.world.Names[0], "secret": d.world.Names[1]}
	place, err := dotenv.New(dotenv.Config{File: "app.env"}, dotenv.Options{Dir: d.dir, Fields: entries, Prints: d.keys.Prints, Now: d.clock})
	d.must(err)
	c.Hands.Places["env"] = place
	c.Spec.Places = []rotator.PlaceSpec{{Name: "env", Fields: []string{"key", "secret"}, Readable: true, Where: "app.env"}}
	d.fields = []intake.Field{{Name: "key", Entry: d.world.Names[0], Prefixes: []string{"test_bluum_"}},
		{Name: "secret", Entry: d.world.Names[1], Secret: true}}
	return c
}

// readProfiles loads Bluum's profile, and makes the narrow one of it.
func (d *desk) readProfiles() {
	for _, p := range []*vendors.Profile{&d.bluum, &d.hexed} {
		all, err := vendors.Builtin()
		d.must(err)
		i := slices.IndexFunc(all, func(p vendors.Profile) bool { return p.Name == "bluum" })
		*p = all[i]
	}
	for field, f := range d.hexed.Fields {
		f.Alphabet = "hex"
		d.hexed.Fields[field] = f
	}
}

// yes accepts every pair.
type yes struct{ d *desk }

func (y yes) Probe(context.Context, secret.Material) (vendors.Reading, error) {
	return vendors.Reading{Verdict: vendors.Accepted, Host: "api.example", Method: "GET", Path: "/v1", Status: 200, At: y.d.clock(),
		Environment: y.d.world.Environment, Subjects: []string{"account 1"}, Remaining: -1}, nil
}

// open adopts the pair in use, brings main and narrow to where they await a pair, and lays the other known pairs down.
func (d *desk) open() {
	ctx := d.t.Context()
	_, _, err := d.rt.Adopt(ctx, rotator.Adoption{Credential: main, Who: "test", Created: d.now.Add(-80 * policies.Day)})
	d.must(err)
	r, err := d.rt.OpenNow(ctx, main, rotator.Routine, "test", "asked for")
	d.must(err)
	d.id = r.ID
	d.passes(3)
	d.await(narrow)
	d.lay("elsewhere", "sandbox", rotator.Current, d.world.Elsewhere)
	d.lay("neighbour", "production", rotator.Current, d.world.Neighbour)
	d.lay(main, "production", rotator.Previous, d.world.Previous)
	d.lay(main, "production", rotator.Dead, d.world.Dead)
	d.lay(main, "production", rotator.Orphan, d.world.Orphan)
	d.awaits()
}

// await opens a rotation where a key is awaited.
func (d *desk) await(credential string) {
	d.must(d.ledger.Open(d.t.Context(), rotator.Rotation{ID: rotator.ID("r-" + credential), Credential: credential, Lane: rotator.Routine,
		State: rotator.AwaitingKey, Spec: "spec", OpenedAt: d.now, EnteredAt: d.now, NextAt: d.now.Add(900 * time.Hour)}))
}

// lay stores a known pair. The ledger takes one from no other than a rotation's record or an adoption.
func (d *desk) lay(credential, environment string, life rotator.Life, p Pair) {
	ctx := d.t.Context()
	pair := rotator.Pair{ID: rotator.PairID("known-" + credential + "-" + string(life)), Credential: credential, Environment: environment,
		Life: life, Prints: d.keys.Prints(material(p)), Fragment: p.Key[len(p.Key)-4:], BornAt: d.now, EndedAt: d.now}
	if credential != main {
		d.must(d.ledger.Adopt(ctx, pair))
		return
	}
	r, err := d.ledger.Claim(ctx, d.id, "test", time.Minute)
	d.must(err)
	_, err = d.ledger.Record(ctx, rotator.Change{Rotation: r, Pairs: []rotator.Pair{pair}, Release: true})
	d.must(err)
}

func material(p Pair) secret.Material {
	return secret.Material{"key": secret.New(p.Key), "secret": secret.New(p.Secret)}
}

// passes looks at main's rotation: whatever came in would now be on its way to the place.
func (d *desk) passes(n int) {
	for range n {
		if out, worked := d.rt.One(d.t.Context(), d.id); !worked || out.Err != nil {
			d.t.Fatalf("the pass did not work: %+v", out)
		}
	}
}

func (d *desk) awaits() {
	d.t.Helper()
	r, err := d.rt.Underway(d.t.Context(), main)
	d.must(err)
	if r.State != rotator.AwaitingKey {
		d.t.Fatalf("the rotation is %s: %s", r.State, r.Why)
	}
}

// version changes with every commit to the ledger.
func (d *desk) version() (n int64) {
	d.must(d.watch.QueryRowContext(d.t.Context(), "PRAGMA data_version").Scan(&n))
	return n
}

// submit hands one paste in as submit does. The kind is "" when it was taken.
func (d *desk) submit(p Paste) (kind, message string) {
	m, notes, err := d.door.parse([]byte(p.Text), d.fields)
	if err == nil {
		_, err = d.door.accept(d.t.Context(), rotator.Paste{Credential: p.Credential, Material: m, Who: "sam", How: "standard input",
			Environment: p.Environment, Organisation: p.Organisation})
	}
	if err == nil {
		return "", fmt.Sprint(notes)
	}
	var wrong *intake.Error
	var refused *rotator.Refusal
	switch {
	case errors.As(err, &wrong):
		return string(wrong.Kind), wrong.Error()
	case errors.As(err, &refused):
		return refused.Kind, refused.Error()
	}
	return "error", err.Error()
}

// place is what lies in the folder of the place, beside the ledger's files.
func (d *desk) place() string {
	content, err := os.ReadFile(d.path("app.env"))
	d.must(err)
	if !bytes.Equal(content, d.env) {
		return "the .env file was changed"
	}
	names, err := os.ReadDir(d.dir)
	d.must(err)
	for _, e := range names {
		switch e.Name() {
		case "app.env", "ledger.db", "ledger.db-wal", "ledger.db-shm", "seal.key", "fingerprint.key", "ledger.db.lock", ".app.env.lock":
		default:
			return "there is another file: " + e.Name()
		}
	}
	return ""
}
