package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/sim"
)

const many = 60

// sixty credentials, each with a pair and a .env file of its own. The list says when each was made.
func sixty(t *testing.T) (b *bench, list string) {
	b = stand(t, stageOptions{LiveLimit: many + 2}, func(b *bench, text string) string {
		head, _, _ := strings.Cut(text, "credentials:\n")
		text, list = head+"credentials:\n", "name,created,last4\n"
		for i := range many {
			s, err := b.vendor.Create(sim.Acme, sim.Production, fmt.Sprintf("service %d", i))
			b.must(err)
			b.knows(s)
			name := fmt.Sprintf("service-%02d", i)
			b.must(os.WriteFile(b.path(name+".env"), fmt.Appendf(nil, "BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", s.Key, s.Secret), 0o600))
			b.envs = append(b.envs, name+".env")
			text += fmt.Sprintf("  - name: %s\n    vendor: bluum-demo\n    environment: production\n    places:\n"+
				"      - {name: env, dotenv: {file: %s.env}, fields: {key: BLUUM_API_KEY, secret: BLUUM_API_SECRET}}\n", name, name)
			list += fmt.Sprintf("%s,%s,%s\n", name, s.CreatedAt.AddDate(0, 0, -i).Format(time.DateOnly), last4(s))
		}
		return text
	})
	return b, list
}

// adopted runs the list and returns how many were adopted, there before, and refused.
func (b *bench) adopted(code int, list string) (fresh, before, refused int) {
	b.t.Helper()
	if got := b.line(list, "--output", "json", "adopt", "--csv", "-"); got != code {
		b.t.Fatalf("exit code %d, want %d:\n%s", got, code, b.out)
	}
	var said struct{ Adopted, Before, Refused int }
	b.must(json.Unmarshal([]byte(b.out), &said))
	return said.Adopted, said.Before, said.Refused
}

// TestSixtyFromAList: one row that cannot be adopted stops no other, and running the list again adopts what is left.
func TestSixtyFromAList(t *testing.T) {
	b, list := sixty(t)
	wrong, right := "service-07.env", b.ids[7]
	b.must(os.WriteFile(b.path(wrong), []byte("BLUUM_API_KEY="+right.Key+"\n"), 0o600))
	if code := b.line(list+"service-61,2026-01-01,\n", "adopt", "--csv", "-"); code != exitUsage {
		t.Fatalf("a malformed row: exit code %d:\n%s", code, b.out)
	}
	if pairs, err := b.shop.ledger.Pairs(b.ctx, ""); err != nil || len(pairs) != 0 {
		t.Fatalf("a malformed row left %d pairs behind (%v)", len(pairs), err)
	}
	if fresh, _, refused := b.adopted(exitUsage, list); fresh != many-1 || refused != 1 {
		t.Fatalf("%d adopted and %d refused, want %d and 1", fresh, refused, many-1)
	}
	b.must(os.WriteFile(b.path(wrong), fmt.Appendf(nil, "BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", right.Key, right.Secret), 0o600))
	b.clock.advance(time.Hour)
	if fresh, before, _ := b.adopted(exitDone, list); fresh != 1 || before != many-1 {
		t.Fatalf("the second time %d adopted and %d before, want 1 and %d", fresh, before, many-1)
	}
	pairs, err := b.shop.ledger.Pairs(b.ctx, "")
	b.must(err)
	for _, p := range pairs {
		if p.Created.IsZero() || p.CreatedBy != "person" || len(p.Sealed) > 0 {
			t.Errorf("%s: created %v by %q", p.Credential, p.Created, p.CreatedBy)
		}
	}
	if len(pairs) != many {
		t.Errorf("%d pairs, want %d", len(pairs), many)
	}
	b.unmixed()
	b.whole()
}
