package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// compromise is the word that starts the emergency. It ends with the one next command.
func (b *bench) compromise() {
	b.t.Helper()
	b.line("", "rotate", demoName, "--compromised", "--reason", "it stood in a chat")
	if b.code != exitDone && b.code != exitTransient {
		b.t.Fatalf("rotate --compromised: exit code %d:\n%s", b.code, b.out)
	}
	b.pass()
	if r := b.rotation(); r.Lane != rotator.Compromised {
		b.t.Fatalf("the rotation under way is %s, %s:\n%s", r.Lane, r.State, b.out)
	}
}

// TestStoryCompromised: no overlap is waited for, and nothing leads back.
func TestStoryCompromised(t *testing.T) {
	b := raise(t, stageOptions{})
	b.compromise()
	b.is(rotator.AwaitingKey, "compromised")
	b.does(exitUsage, "rollback", demoName)
	b.prints("compromised: nothing is put back to it")
	began := b.clock.now()
	b.to(rotator.AwaitingRevocation)
	if took := b.clock.now().Sub(began); took > 30*time.Minute {
		t.Errorf("the revocation was asked for after %s", took)
	}
	b.recounts("overlap of 2h0m0s: the old key is known to others")
	b.finish()
	b.life(b.old, rotator.Dead)
}

// TestStoryCompromisedWhileARotationIsOpen: whatever was proven, it is superseded, its pair is buried, and the service
// works all the time.
func TestStoryCompromisedWhileARotationIsOpen(t *testing.T) {
	for _, state := range []rotator.State{rotator.DueState, rotator.AwaitingKey, rotator.Received, rotator.Verified,
		rotator.AwaitingRevocation} {
		t.Run(string(state), func(t *testing.T) {
			b := raise(t, stageOptions{LiveLimit: 4})
			if state == rotator.DueState {
				b.does(exitDone, "waive", demoName, "tenant", "--reason", "nothing is open yet")
			} else {
				b.until(state)
			}
			first := b.rotation()
			unfinished := b.fresh
			b.compromise()
			if first.ID != "" {
				b.superseded(first.ID)
			}
			b.fresh = sim.Shown{}
			b.to(rotator.Closed)
			b.holds(b.fresh)
			if unfinished.ID != "" {
				b.gone(unfinished)
			}
			b.gone(b.old)
			b.buried()
		})
	}
}

// until is to, stopping where a pair came in and no pass has looked at it.
func (b *bench) until(state rotator.State) {
	b.t.Helper()
	if state != rotator.Received {
		b.to(state)
		return
	}
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.vendor.Inject(sim.Fault{KeyID: b.fresh.ID, Do: sim.Unavailable, Times: 1})
	b.submits(exitDone, b.fresh, portal()...)
	b.pass()
	b.is(rotator.Received, "unclear")
}

func (b *bench) superseded(id rotator.ID) {
	b.t.Helper()
	all, err := b.shop.ledger.Rotations(b.ctx, demoName)
	b.must(err)
	for _, r := range all {
		if r.ID == id && (r.State != rotator.Abandoned || !strings.Contains(r.Why, "superseded")) {
			b.t.Errorf("the rotation before is %s: %s", r.State, r.Why)
		}
	}
}

// gone revokes a pair that nobody uses when its burial asks for that, and plays on until it is dead.
func (b *bench) gone(s sim.Shown) {
	b.t.Helper()
	for range 200 {
		if b.lives()[last4(s)] == rotator.Dead {
			return
		}
		if r := b.burial(s); strings.HasPrefix(r.Command, "quarterturn revoked ") && b.said[r.ID] == "" {
			b.said[r.ID] = "revoked"
			b.revokes(s, "--pair", string(r.Old))
		}
		b.next()
	}
	b.t.Fatalf("the pair is %s: %s", b.lives()[last4(s)], b.burial(s).Why)
}

// TestStoryCompromisedWithASecondPerson: who brought the pair in cannot approve at once; another can.
func TestStoryCompromisedWithASecondPerson(t *testing.T) {
	b := raise(t, stageOptions{}, secondPerson)
	b.compromise()
	b.to(rotator.Verified)
	b.pass()
	b.awaits("quarterturn approve " + demoName)
	b.does(exitUsage, "approve", demoName, "--reason", "hurry")
	b.prints("somebody else must approve")
	b.as = "bob@acme.example"
	b.does(exitDone, "approve", demoName)
	b.to(rotator.Closed)
	if st, err := b.standing(b.ctx); err != nil || st.Review != nil {
		t.Errorf("a review is awaited: %v %v", st.Review, err)
	}
	b.finish()
}

// TestStoryCompromisedWithoutASecondPerson: after a quarter of an hour one person may approve with a reason, which
// somebody else reviews afterwards.
func TestStoryCompromisedWithoutASecondPerson(t *testing.T) {
	b := raise(t, stageOptions{}, secondPerson)
	b.compromise()
	b.to(rotator.Verified)
	b.pass()
	b.after(14 * time.Minute)
	b.does(exitUsage, "approve", demoName, "--reason", "nobody is there")
	b.after(2 * time.Minute)
	b.does(exitUsage, "approve", demoName)
	b.prints("needs a reason")
	b.does(exitDone, "approve", demoName, "--reason", "nobody is there")
	b.to(rotator.Closed)
	b.recounts("approved alone")
	b.does(exitDone, "status", demoName)
	b.prints("somebody else is to review it")
	b.does(exitUsage, "approve", demoName, "--review")
	b.as = "bob@acme.example"
	b.does(exitDone, "approve", demoName, "--review", "--reason", "it was right")
	b.does(exitUsage, "approve", demoName, "--review")
	b.finish()
}

// TestStoryCompromisedConsumerWithoutProof: an approval names the consumer, and nothing else goes on without its proof.
func TestStoryCompromisedConsumerWithoutProof(t *testing.T) {
	b := raise(t, stageOptions{}, secondPlace)
	b.compromise()
	b.second.IgnoreRestart(true)
	b.to(rotator.Redeployed)
	b.after(3 * time.Minute)
	b.is(rotator.Redeployed, "consumer worker has not proved the pair yet")
	b.awaits("quarterturn approve " + demoName + " --consumers worker")
	b.as = "bob@acme.example"
	b.does(exitUsage, "approve", demoName, "--consumers", "nobody", "--reason", "it is being abused")
	b.does(exitDone, "approve", demoName, "--consumers", "worker", "--reason", "it is being abused")
	b.as = "alice@acme.example"
	b.to(rotator.AwaitingRevocation)
	b.recounts("a waiver stands in: bob@acme.example: it is being abused")
	b.broken = true // the worker still has the old pair, and the approval names it
	b.to(rotator.Closed)
	b.must(b.second.Restart())
	b.second.IgnoreRestart(false)
	b.must(b.second.Restart())
	b.broken = false
	b.works()
	b.life(b.old, rotator.Dead)
}

// TestStoryCompromisedWithTheLimitFull: the vendor allows two pairs, and two live.
func TestStoryCompromisedWithTheLimitFull(t *testing.T) {
	t.Run("the unfinished pair is nowhere", func(t *testing.T) {
		b := raise(t, stageOptions{})
		b.until(rotator.Received)
		unfinished := b.fresh
		b.compromise()
		b.is(rotator.DueState, "the vendor allows 2")
		b.holds(b.old)
		b.gone(unfinished)
		b.closes()
		b.gone(b.old)
	})
	t.Run("a place holds the unfinished pair", func(t *testing.T) {
		b := raise(t, stageOptions{})
		b.to(rotator.Verified)
		unfinished := b.fresh
		b.compromise()
		b.recounts("it goes on with that")
		b.to(rotator.Closed)
		b.holds(unfinished)
		b.life(unfinished, rotator.Current)
		b.gone(b.old)
		b.buried()
	})
}

// TestStoryReplace: the vendor has room for one pair, and creating another ends it: in an approved window, with the
// consumers that fail meanwhile named.
func TestStoryReplace(t *testing.T) {
	b := raise(t, stageOptions{Replaces: true})
	b.pass()
	b.is(rotator.DueState, "a maintenance window must be approved")
	b.submits(exitUsage, b.old)
	start := b.clock.now().Add(26 * time.Hour)
	window := fmt.Sprintf("%s/2h", start.Format("2006-01-02T15:04Z07:00"))
	b.does(exitUsage, "approve", demoName, "--window", window, "--reason", "agreed with trading")
	b.prints("must name every consumer")
	b.does(exitUsage, "approve", demoName, "--window", "tomorrow", "--consumers", "app", "--reason", "agreed")
	b.does(exitDone, "approve", demoName, "--window", window, "--consumers", "app", "--reason", "agreed with trading")
	b.pass()
	b.is(rotator.DueState, "maintenance window of")
	b.awaits("")
	b.after(27 * time.Hour)
	b.is(rotator.AwaitingKey, "")
	b.supply()
	b.to(rotator.AwaitingRevocation)
	b.awaits("")
	b.to(rotator.Closed)
	b.holds(b.fresh)
	b.life(b.old, rotator.Dead)
	b.buried()
}

// TestStoryReplaceWindowMissed: nobody came, so nobody is asked any more until another window is approved.
func TestStoryReplaceWindowMissed(t *testing.T) {
	b := raise(t, stageOptions{Replaces: true})
	b.pass()
	window := func() string { return b.clock.now().Add(time.Hour).Format("2006-01-02T15:04Z07:00") + "/1h" }
	b.does(exitDone, "approve", demoName, "--window", window(), "--consumers", "app", "--reason", "agreed")
	b.after(90 * time.Minute)
	b.is(rotator.AwaitingKey, "")
	b.after(time.Hour)
	b.is(rotator.DueState, "a maintenance window must be approved")
	b.recounts("do NOT create a key now")
	b.does(exitDone, "approve", demoName, "--window", window(), "--consumers", "app", "--reason", "again")
	b.after(90 * time.Minute)
	b.supply()
	b.to(rotator.Closed)
	b.buried()
}

// TestStoryReplaceCompromised: creating a key breaks every consumer at once, so an approval names them first.
func TestStoryReplaceCompromised(t *testing.T) {
	b := raise(t, stageOptions{Replaces: true})
	b.compromise()
	b.is(rotator.DueState, "somebody must approve that")
	b.as = "bob@acme.example"
	b.does(exitDone, "approve", demoName, "--consumers", "app", "--reason", "it is being abused")
	b.as = "alice@acme.example"
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.closes()
	b.buried()
}

// TestStoryRetire: the last key of a credential is revoked and nothing takes its place. Without another credential to
// compare with, its death is attested.
func TestStoryRetire(t *testing.T) {
	b := raise(t, stageOptions{Age: time.Hour})
	b.does(exitUsage, "retire", demoName)
	b.does(exitDone, "retire", demoName, "--reason", "the product ended")
	b.pass()
	b.is(rotator.DueState, "consumer app is declared")
	b.does(exitDone, "waive", demoName, "consumer:app", "--reason", "it is switched off")
	b.broken = true
	b.pass()
	b.is(rotator.AwaitingRevocation, "revoke the key ending in "+last4(b.old))
	b.revoke(b.old)
	b.after(2 * time.Hour)
	b.does(exitDone, "attest", demoName, "--pair", b.pairID(b.old), "--reason", "I saw it go")
	b.to(rotator.Closed)
	b.life(b.old, rotator.Ended)
	b.does(exitDone, "status", demoName)
	b.prints("retired")
	b.does(exitUsage, "rotate", demoName)
	b.prints("is retired")
	b.does(exitDone, "run")
}

// TestStoryCloudflare: a new pair from the wrong environment is refused. The old one is deleted by hand at once, with a
// revocation that bites 61 minutes later: it is noticed, one way on is named, and nothing is closed early.
func TestStoryCloudflare(t *testing.T) {
	b := raise(t, stageOptions{Propagation: 61 * time.Minute})
	b.to(rotator.AwaitingKey)
	wrong := b.createIn(sim.Acme, sim.Sandbox)
	b.submits(exitDone, wrong, portal()...)
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.holds(b.old)
	b.revoke(b.old) // hand on the wrong button: nobody asked for it
	b.after(60 * time.Minute)
	b.works() // it still answers, and so nobody noticed
	b.broken = true
	b.after(20 * time.Minute)
	b.awaits("quarterturn rotate " + demoName)
	b.does(exitDone, "status", demoName)
	b.supply()
	b.pass()
	b.broken = false
	b.works()
	b.to(rotator.AwaitingRevocation)
	if b.lives()[last4(b.old)] == rotator.Dead {
		t.Error("the old pair was called dead before it was proven")
	}
	b.finish()
}

// TestStoryPastedAgainWhenInUse: whoever did not hear that their pair is safe pastes it again, however far the rotation has
// come: it is here, and no other is to be created.
func TestStoryPastedAgainWhenInUse(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingRevocation)
	b.life(b.fresh, rotator.Current)
	b.submits(exitDone, b.fresh, portal()...)
	b.prints("already")
	b.finish()
}
