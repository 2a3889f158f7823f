package rotator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

const vendorHost = "api.bluum.finance"

// vendor is the other end: it alone knows which pair lives where. It is an http.RoundTripper, so that the prober and its
// client are the real ones.
type vendor struct {
	b       behaviour
	rand    *rand.Rand
	now     time.Time
	born    time.Time // when the new pair was created
	asked   time.Time // when the revocation was asked for, zero before
	revoked map[string]time.Time
	cache   map[string]memory
	key     string // of the call under way
	spoil   func(*vendor, wireReply) wireReply
	calls   int
	tamper  func(wireReply) wireReply // a planted fault of the line, nil for none
	strange []string                  // calls that should not have been made
}

func newVendor(b behaviour) *vendor {
	v := &vendor{b: b, rand: rand.New(rand.NewPCG(b.n, 7)), now: noon(), born: noon(), revoked: map[string]time.Time{}, cache: map[string]memory{}}
	all := wires()
	v.spoil = all[slices.IndexFunc(all, func(w wire) bool { return w.name == b.wire })].spoil
	return v
}

func (v *vendor) clock() time.Time { return v.now }

func (v *vendor) since(t time.Time) time.Duration { return v.now.Sub(t) }

// RoundTrip answers one call.
func (v *vendor) RoundTrip(req *http.Request) (*http.Response, error) {
	v.calls++
	v.now = v.now.Add(time.Duration(1+v.rand.IntN(900)) * time.Millisecond)
	if req.URL.Scheme != "https" || req.URL.Host != vendorHost {
		v.strange = append(v.strange, req.URL.Host)
	}
	v.key, _, _ = req.BasicAuth()
	a := v.honest(v.edge()).with("Date", v.now.Format(http.TimeFormat))
	if (v.b.victim == "" || v.b.victim == v.who()) && v.rand.Float64() < v.b.rate {
		a = v.spoil(v, a)
	}
	if v.tamper != nil {
		a = v.tamper(a)
	}
	return a.response(req)
}

// who is the pair whose call it is.
func (v *vendor) who() string {
	if v.key == oldKey || v.key == newKey {
		return map[string]string{oldKey: "old", newKey: "new"}[v.key]
	}
	return "random"
}

const (
	oldKey = "test_live_00000000000000000OLD1"
	newKey = "test_live_00000000000000000NEW1"
)

func (v *vendor) edge() int {
	if v.b.sticky {
		return int(v.b.n+uint64(v.now.Unix()/3600)) % len(v.b.bites)
	}
	return v.rand.IntN(len(v.b.bites))
}

// honest is what an edge says by what it knows.
func (v *vendor) honest(edge int) wireReply {
	switch who := v.who(); {
	case who == "new" && v.knowsNew(edge):
		return answered(200, v.list(map[bool]string{true: "false", false: "true"}[v.b.pair == "sandbox"],
			map[bool]string{true: "acc_7", false: "acc_1"}[v.b.pair == "other tenant"]))
	case who == "old" && v.knowsOld(edge):
		return answered(200, v.list("true", "acc_1"))
	}
	body := oldError(v.b.code)
	if v.b.newer {
		body = fmt.Sprintf(`{"error":{"type":"auth","code":%q,"message":"no"}}`, v.b.code)
	}
	return answered(401, body)
}

func (v *vendor) list(live, account string) string {
	if !v.b.newer {
		return fmt.Sprintf(`[{"id":%q,"name":"one"}]`, account)
	}
	return fmt.Sprintf(`{"object":"list","url":"/v1/accounts","has_more":false,"livemode":%s,"data":[{"id":%q}]}`, live, account)
}

func (v *vendor) knowsNew(edge int) bool {
	return v.b.pair != "never issued" && v.since(v.born) >= v.b.knows[edge] && !v.bitten("new", v.b.bites[edge])
}

func (v *vendor) knowsOld(edge int) bool {
	if v.bitten("old", v.b.bites[edge]) {
		return false
	}
	return v.asked.IsZero() || !v.b.denied[edge].refuses(v.since(v.asked))
}

func (v *vendor) bitten(pair string, delay time.Duration) bool {
	at, done := v.revoked[pair]
	return done && v.since(at) >= delay
}

// alive is the truth about a pair: some edge accepts it now, or will when it stops lying.
func (v *vendor) alive(pair string) bool {
	if pair == "new" && v.b.pair == "never issued" {
		return false
	}
	return !v.bitten(pair, slices.Max(v.b.bites))
}

func (v *vendor) revoke(pair string) {
	if _, done := v.revoked[pair]; !done {
		v.revoked[pair] = v.now
	}
}
