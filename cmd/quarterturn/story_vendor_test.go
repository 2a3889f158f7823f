package main

import (
	"context"
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// TestStoryVendorDownAtThePaste: the pair is safe here, nothing is written on an answer nobody got, and the rotation goes
// on by itself when the vendor is back.
func TestStoryVendorDownAtThePaste(t *testing.T) {
	faults := map[string]sim.Fault{
		"503 of a gateway":  {Do: sim.Unavailable},
		"connection reset":  {Do: sim.Reset},
		"no answer in time": {Do: sim.Slow},
		"broken off":        {Do: sim.Truncate},
		"403":               {Do: sim.Forbidden},
		"redirected away":   {Do: sim.Redirect, To: "http://127.0.0.1:1/v1/accounts"},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.tap.patience = 200 * time.Millisecond
			b.to(rotator.AwaitingKey)
			b.fresh = b.create()
			fault.KeyID, fault.Times = b.fresh.ID, -1
			b.vendor.Inject(fault)
			b.submits(exitDone, b.fresh, portal()...)
			b.prints("Your pair is safe")
			for range 3 {
				b.next()
				b.is(rotator.Received, "unclear")
				b.awaits("")
				b.holds(b.old)
			}
			b.vendor.Calm()
			b.to(rotator.Verified)
			b.holds(b.fresh)
		})
	}
}

// TestStoryVendorSlow: a late answer is an answer.
func TestStoryVendorSlow(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.vendor.Inject(sim.Fault{KeyID: b.fresh.ID, Do: sim.Slow, Times: 3,
		Wait: func(context.Context) { b.clock.advance(8 * time.Second) }})
	b.submits(exitDone, b.fresh, portal()...)
	b.to(rotator.Verified)
}

func TestStoryRetryAfterIsHonoured(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.vendor.Inject(sim.Fault{KeyID: b.fresh.ID, Do: sim.TooMany, RetryAfter: 7 * time.Minute})
	b.submits(exitDone, b.fresh, portal()...)
	b.pass()
	b.is(rotator.Received, "unclear")
	if wait := b.rotation().NextAt.Sub(b.clock.now()); wait < 7*time.Minute || wait > 10*time.Minute {
		t.Errorf("looks again after %s, and the vendor asked for 7m", wait)
	}
	asked := b.calls(b.fresh)
	b.after(5 * time.Minute)
	if n := b.calls(b.fresh); n != asked {
		t.Errorf("%d calls while the vendor asked for silence", n-asked)
	}
	b.to(rotator.Verified)
}

// TestStoryRetryAfterBindsEveryProcess: an impatient person's command is another process than the pass that was told.
func TestStoryRetryAfterBindsEveryProcess(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.vendor.Inject(sim.Fault{KeyID: b.fresh.ID, Do: sim.TooMany, RetryAfter: 7 * time.Minute})
	b.submits(exitDone, b.fresh, portal()...)
	b.pass()
	b.clock.advance(5 * time.Minute)
	asked := b.calls(b.fresh)
	b.line("", "rotate", demoName, "--no-wait")
	if n := b.calls(b.fresh); n != asked {
		t.Errorf("%d calls while the vendor asked for silence:\n%s", n-asked, b.out)
	}
}

// calls counts what the vendor's own log says about a pair.
func (b *bench) calls(s sim.Shown) (n int) {
	for _, r := range b.vendor.Requests() {
		if r.KeyID == s.ID {
			n++
		}
	}
	return n
}

// TestStoryLyingRefusalOfAFreshPair: it is wiped, and the same pair may be pasted again.
func TestStoryLyingRefusalOfAFreshPair(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.vendor.Inject(sim.Fault{KeyID: b.fresh.ID, Do: sim.LyingUnauthorized})
	b.submits(exitDone, b.fresh, portal()...)
	b.pass()
	b.is(rotator.AwaitingKey, "refuses the pair")
	b.life(b.fresh, rotator.Refused)
	b.submits(exitDone, b.fresh, portal()...)
	b.closes()
}

// TestStoryLyingRefusalOfThePairInUse: one lie costs no rotation, no pair, and no consumer.
func TestStoryLyingRefusalOfThePairInUse(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	for _, liar := range []sim.Shown{b.fresh, b.old} {
		b.vendor.Inject(sim.Fault{KeyID: liar.ID, Do: sim.LyingUnauthorized})
		b.broken = true // the service may be the one who hears the lie
		b.after(16 * time.Minute)
		if b.vendor.Calm() != 0 {
			t.Fatal("nobody heard the lie")
		}
		b.broken = false
		b.after(40 * time.Minute) // the next look of a death proof
		b.is(rotator.Verified, "both keys work")
		b.holds(b.fresh)
	}
	b.closes()
}

// TestStoryBothRefusedOnceIsNoDeath: a vendor that refuses everything for a moment kills no living pair.
func TestStoryBothRefusedOnceIsNoDeath(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.broken = true
	b.vendor.Inject(sim.Fault{Do: sim.LyingUnauthorized, Times: 2})
	b.after(16 * time.Minute)
	b.vendor.Calm()
	b.broken = false
	b.after(20 * time.Minute)
	b.holds(b.fresh)
	b.is(rotator.Verified, "")
	b.closes()
}

func TestStoryWrongEnvironment(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	sandbox := b.createIn(sim.Acme, sim.Sandbox)
	b.submits(exitStop, sandbox, "--organisation", "Acme Trading", "--environment", sim.Sandbox)
	b.prints("nothing was kept")
	if b.line(pasteOf(sandbox), "submit", demoName); b.code == exitDone {
		b.pass()
		b.is(rotator.AwaitingKey, "refuses the pair")
		b.life(sandbox, rotator.Refused)
	}
	b.holds(b.old)
	b.closes()
}

// TestStoryWrongEnvironmentByTheVendorsWord: the production host accepts the pair and says that it is the sandbox's.
func TestStoryWrongEnvironmentByTheVendorsWord(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	wrong := b.create()
	b.vendor.Inject(sim.Fault{KeyID: wrong.ID, Do: sim.WrongEnvironment, Times: -1})
	b.submits(exitDone, wrong, portal()...)
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.buryWrong(wrong)
	b.closes()
}

func TestStoryWrongTenant(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	wrong := b.createIn(sim.Globex, sim.Production)
	b.submits(exitDone, wrong, portal()...)
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.buryWrong(wrong)
	b.finish()
}

// buryWrong: a pair that must not be used is revoked and proven dead before another one is asked for.
func (b *bench) buryWrong(wrong sim.Shown) {
	b.t.Helper()
	b.holds(b.old)
	b.life(wrong, rotator.Orphan)
	b.awaitsBurial(wrong)
	b.revokes(wrong, "--pair", b.pairID(wrong))
	b.untilDead(wrong)
	b.holds(b.old)
}

// awaitsBurial wants a pair's burial to ask for its revocation.
func (b *bench) awaitsBurial(s sim.Shown) {
	b.t.Helper()
	want := "quarterturn revoked " + demoName + " --pair " + b.pairID(s)
	for range 50 {
		if b.burial(s).Command == want {
			break
		}
		b.next()
	}
	if got := b.burial(s); got.Command != want {
		b.t.Fatalf("the burial awaits %q, want %q: %s", got.Command, want, got.Why)
	}
}

// TestStoryBurialFindsAKeyAlive: it pages, reopens, and is buried again.
func TestStoryBurialFindsAKeyAlive(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Closed)
	b.after(5 * 24 * time.Hour)
	b.must(b.vendor.Revive(b.old.ID))
	b.next()
	if b.code != exitStop {
		t.Errorf("exit code %d:\n%s", b.code, b.out)
	}
	b.prints("a key that should be dead works")
	b.recounts("accepted AGAIN")
	b.life(b.old, rotator.Orphan)
	b.awaitsBurial(b.old)
	b.revokes(b.old, "--pair", b.pairID(b.old))
	b.buried()
	b.life(b.old, rotator.Dead)
	b.holds(b.fresh)
}
