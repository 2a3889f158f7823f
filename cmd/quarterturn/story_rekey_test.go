package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/seal/age"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// newIdentity puts another sealing identity in the place of the one that is configured, and its recipient into the
// configuration. With keep, the older one stays in the file.
func (b *bench) newIdentity(keep bool) {
	b.t.Helper()
	old, err := os.ReadFile(b.path("seal.key"))
	b.must(err)
	b.must(os.Remove(b.path("seal.key")))
	recipient, err := age.NewIdentity(b.path("seal.key"))
	b.must(err)
	if keep {
		fresh, err := os.ReadFile(b.path("seal.key"))
		b.must(err)
		b.must(os.WriteFile(b.path("seal.key"), append(fresh, old...), 0o600))
	}
	text, err := os.ReadFile(b.path("quarterturn.yaml"))
	b.must(err)
	_, rest, _ := strings.Cut(string(old), "# recipient: ")
	was, _, _ := strings.Cut(rest, "\n")
	b.must(os.WriteFile(b.path("quarterturn.yaml"), []byte(strings.ReplaceAll(string(text), was, recipient)), 0o600))
	b.must(b.reopen(b.ctx))
}

// TestStoryRekeySeal: new recipients while a rotation is under way; afterwards the older identity is not needed any more.
func TestStoryRekeySeal(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.newIdentity(true)
	b.does(exitDone, "rekey", "seal")
	b.prints("2 of 2 pairs sealed again")
	fresh, err := os.ReadFile(b.path("seal.key"))
	b.must(err)
	first, _, _ := strings.Cut(string(fresh), "\n# recipient: ")
	b.must(os.WriteFile(b.path("seal.key"), []byte(first+"\n"), 0o600))
	b.must(b.reopen(b.ctx))
	b.does(exitDone, "rekey", "seal") // twice is as good as once
	b.finish()
	b.does(exitDone, "audit", "verify")
}

// TestStoryLostIdentity: the new pair is in a place and comes from there; the old one can't be opened any more: there is
// no way back, and its death is a person's word.
func TestStoryLostIdentity(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.newIdentity(false)
	b.pass()
	b.does(exitStop, "rekey", "seal")
	b.prints("Next: quarterturn rekey seal --lost")
	b.does(exitDone, "rekey", "seal", "--lost")
	b.prints("its sealed copy was given up")
	b.prints("from place env")
	b.to(rotator.AwaitingRevocation)
	b.revoke(b.old)
	b.does(exitDone, "attest", demoName, "--pair", b.pairID(b.old), "--reason", "deleted in the portal; no copy is left to ask with")
	b.closes()
	b.does(exitDone, "audit", "verify")
}

// TestStoryLostIdentityEarly: the new pair was nowhere yet: another one is asked for, and that one gets a burial.
func TestStoryLostIdentityEarly(t *testing.T) {
	b := raise(t, stageOptions{LiveLimit: 3})
	b.to(rotator.AwaitingKey)
	b.supply()
	first := b.fresh
	b.newIdentity(false)
	b.does(exitDone, "rekey", "seal", "--lost")
	b.next()
	b.is(rotator.AwaitingKey, "")
	b.life(first, rotator.Orphan)
	b.holds(b.old)
	b.works()
	b.revoke(first)
	b.does(exitDone, "attest", demoName, "--pair", b.pairID(first), "--reason", "deleted in the portal")
	b.closes()
	b.does(exitDone, "audit", "verify")
}

// TestStoryRekeyFingerprint: a new key comes first while a rotation is under way; the old one goes when everything has
// prints under the new one.
func TestStoryRekeyFingerprint(t *testing.T) {
	b := raise(t, stageOptions{Label: true})
	b.to(rotator.Verified)
	b.does(exitDone, "rekey", "fingerprint")
	b.prints("2 of 2 pairs fingerprinted")
	b.prints("quarterturn fingerprint key app")
	text, err := os.ReadFile(b.path("fingerprint.key"))
	b.must(err)
	first, _, _ := strings.Cut(string(text), "\n")
	b.must(os.WriteFile(b.path("fingerprint.key"), []byte(first+"\n"), 0o600))
	b.must(b.reopen(b.ctx))
	b.finish()
	b.does(exitDone, "audit", "verify")
}

// TestStoryLostFingerprintKey: the key file is gone and another one in its place. Nothing can be compared, and nothing is
// called different or foreign: it says so, and nothing moves, until the pairs were fingerprinted again.
func TestStoryLostFingerprintKey(t *testing.T) {
	for _, state := range []rotator.State{"", rotator.Verified, rotator.Closed} {
		t.Run("in "+string(state), func(t *testing.T) {
			b := raise(t, stageOptions{Label: true})
			if state != "" {
				b.to(state)
			}
			b.must(os.Remove(b.path("fingerprint.key")))
			b.must(secret.CreateFile(b.path("fingerprint.key"), secret.New(secret.NewKey()+"\n")))
			b.must(b.reopen(b.ctx))
			b.does(exitDone, "status")
			b.prints("rekey fingerprint --lost")
			b.does(exitUsage, "check")
			b.prints("cannot be compared")
			b.does(exitDone, "plan", demoName)
			b.prints("cannot be compared")
			if strings.Contains(b.out, "foreign") || strings.Contains(b.out, "different") {
				t.Errorf("called foreign or different:\n%s", b.out)
			}
			b.does(exitStop, "rotate", demoName, "--no-wait")
			b.prints("Next: quarterturn rekey fingerprint --lost")
			b.works()
			b.clock.advance(time.Minute)
			b.does(exitDone, "rekey", "fingerprint", "--lost")
			b.clock.advance(time.Minute)
			b.does(exitDone, "status")
			if strings.Contains(b.out, "--lost") {
				t.Errorf("still lost:\n%s", b.out)
			}
			b.closes()
			b.does(exitDone, "audit", "verify")
		})
	}
}
