package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"quarterturn/internal/crashtest"
	"quarterturn/rotator"
)

// errHalted ends a telling where its point was.
var errHalted = errors.New("the telling was stopped at its point")

// crashEnd is a world as a crash left it: nothing runs, the lease of the dead process still stands, and nobody has gone on.
// Its folder holds what a user has (quarterturn.yaml, the ledger, app.env, the key files), and the vendor and the service
// live on. It is good until the function that got it returns.
//
//	for _, sc := range crashScenes() {
//		err := crashEnds(t.Context(), crashFolder(t), sc, pick, func(e crashEnd) error {
//			code := e.line("", "run")              // the real command, in this process, with the world's clock
//			fmt.Println(code, e.out.String())      // what it printed, Next line included
//			e.clock.advance(time.Minute)           // time moves only so
//			e.fresh                                // the pair made in the portal, ID "" before there is one
//			e.vendor.Create / e.vendor.Delete(id)  // what a person does in the portal
//			e.look(ctx)                            // the outside observer: service served, file whole and alive
//			return e.whole(ctx)                    // the trail's chains verify
//		})
//	}
//
// Between two command lines the ledger is open in e.shop as well (a second process, which SQLite allows); close it with
// e.shop.Close and e.shop = nil if a real process is to have the folder alone.
type crashEnd struct {
	*crashTeller
	Scene string
	Point crashtest.Point
	out   *bytes.Buffer // what the last command line printed, errors included
}

// crashEnds tells a scene once for every point that pick takes (nil: all), up to the end of the process in which the point
// was, and hands each world to use. For a fault it is the state after the process that met it. Worlds are made one after
// another; several calls may run at once.
func crashEnds(ctx context.Context, root string, sc crashScene, pick func(crashtest.Point) bool, use func(crashEnd) error) error {
	points, err := crashtest.Story{Name: sc.name, Play: func(ctx context.Context, s *crashtest.Stopper) error {
		return sc.on(ctx, root, s, func(t *crashTeller) error { return sc.tell(ctx, t) })
	}}.Points(ctx)
	for _, p := range points {
		if err == nil && (pick == nil || pick(p)) {
			err = crashEndAt(ctx, root, sc, p, use)
		}
	}
	return err
}

func crashEndAt(ctx context.Context, root string, sc crashScene, p crashtest.Point, use func(crashEnd) error) error {
	return sc.on(ctx, root, crashtest.New(&p), func(t *crashTeller) error {
		t.halts = true
		if err := sc.tell(ctx, t); !errors.Is(err, errHalted) {
			return fmt.Errorf("%s, %s: the telling did not stop there: %w", sc.name, p, errors.Join(err, crashtest.ErrMissed))
		}
		t.halts, t.o.Wiring = false, wiring{}
		t.stop.Restart()
		if err := t.rewire(ctx); err != nil {
			return err
		}
		return use(crashEnd{crashTeller: t, Scene: sc.name, Point: p, out: &bytes.Buffer{}})
	})
}

// line runs one command line in this world as person, with stdin as what is pasted: the exit code.
func (e crashEnd) line(stdin string, args ...string) int {
	e.out.Reset()
	w := e.w
	w.in, w.out, w.err, w.environ = strings.NewReader(stdin), e.out, e.out, []string{"NO_COLOR=1"}
	return run(context.Background(), append([]string{"--config", e.path("quarterturn.yaml"), "--as", "person"}, args...), w)
}

// TestCrashEnds: the worlds that are handed over are those of a crash: a dead process's intent stands in the ledger, its
// lease too, and the real commands run on them.
func TestCrashEnds(t *testing.T) {
	seen := 0
	pick := func(p crashtest.Point) bool { return p.Call == "put env" && p.At == crashtest.Unanswered }
	err := crashEnds(t.Context(), crashFolder(t), crashScenes()[0], pick, func(e crashEnd) error {
		seen++
		r, err := e.journey(t.Context())
		if err != nil || r.State != rotator.Staged || r.Facts.Intent == nil {
			return errors.Join(err, fmt.Errorf("it stands in %s with the intent %v", r.State, r.Facts.Intent))
		}
		if code := e.line("", "status"); code != exitDone || !strings.Contains(e.out.String(), demoName) {
			return fmt.Errorf("status: exit code %d: %s", code, e.out)
		}
		return errors.Join(e.look(t.Context()), e.whole(t.Context()))
	})
	if err != nil || seen != 1 {
		t.Errorf("%d worlds: %v", seen, err)
	}
}
