package rotator

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// wireReply is what the wire carries back: an answer or a failure.
type wireReply struct {
	status int
	header http.Header
	body   string
	fails  error // before an answer
	cut    error // while the body is read
}

func answered(status int, body string) wireReply {
	return wireReply{status: status, body: body, header: http.Header{"Content-Type": {"application/json"}}}
}

func (a wireReply) with(name, value string) wireReply {
	a.header = a.header.Clone()
	a.header.Set(name, value)
	return a
}

// response hands the wireReply to the client, which knows nothing of us.
func (a wireReply) response(req *http.Request) (*http.Response, error) {
	if a.fails != nil {
		return nil, a.fails
	}
	body := io.Reader(strings.NewReader(a.body))
	if a.cut != nil {
		body = io.MultiReader(body, broken{a.cut})
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(body), Request: req, ProtoMajor: 1, ProtoMinor: 1}, nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// wire is one way in which what arrives is not what the vendor's edge would have said. spoil gets the honest wireReply.
type wire struct {
	name  string
	draw  func(r *rand.Rand, b *behaviour) // bounds what goes with it
	spoil func(v *vendor, honest wireReply) wireReply
}

const portalPage = "<html><body>Please sign in. Error BLUM-401-003</body></html>"

func always(r wireReply) func(*vendor, wireReply) wireReply {
	return func(*vendor, wireReply) wireReply { return r }
}

func oldError(code string) string { return fmt.Sprintf(`{"code":%q,"message":"no"}`, code) }

// anyRate draws nothing beyond what is drawn for all.
func anyRate(*rand.Rand, *behaviour) {}

// seldom, for a megabyte each time is a lot of work.
func seldom(_ *rand.Rand, b *behaviour) { b.rate = 0.05 }

// throughout: it spoils every call while it lasts; what answers anybody can't be wireReply from the vendor call by call.
func throughout(r *rand.Rand, b *behaviour) {
	b.rate, b.victim = 1, ""
	b.outage = spell{from: oneOf(r, 0, minutes(r, 1, 60)), bad: minutes(r, 20, 240), good: minutes(r, 60, 300), ends: 100 * time.Hour}
}

func wires() []wire {
	html := func(status int) wireReply { return answered(status, portalPage).with("Content-Type", "text/html") }
	return []wire{
		{"honest", func(_ *rand.Rand, b *behaviour) { b.rate = 0 }, always(wireReply{})},
		{"401, header missing (001)", anyRate, always(answered(401, oldError("BLUM-401-001")))},
		{"401, header malformed (002)", anyRate, always(answered(401, oldError("BLUM-401-002")))},
		{"401 with an unknown code", anyRate, always(answered(401, oldError("BLUM-401-099")))},
		{"401 with another vendor's code", anyRate, always(answered(401, oldError("ERR-401-003")))},
		{"401 with two codes", anyRate, always(answered(401, `{"code":"BLUM-401-003","error":{"code":"BLUM-401-001"}}`))},
		{"401 of a gateway, HTML", anyRate, always(html(401).with("WWW-Authenticate", `Basic realm="corporate proxy"`))},
		{"401 without a body", anyRate, always(answered(401, ""))},
		{"407 of a proxy, with the code", anyRate, always(answered(407, oldError("BLUM-401-003")))},
		{"403 with the code of a 401", anyRate, always(answered(403, oldError("BLUM-401-003")))},
		{"403 of a firewall, HTML", anyRate, always(html(403))},
		{"403, production access (003)", anyRate, always(answered(403, oldError("BLUM-403-003")))},
		{"429 with Retry-After", anyRate, always(answered(429, oldError("BLUM-429-001")).with("Retry-After", "600"))},
		{"429 without", anyRate, always(answered(429, oldError("BLUM-429-001")))},
		{"5xx with the code of a 401", anyRate, fiveHundreds},
		{"timeout", anyRate, always(wireReply{fails: context.DeadlineExceeded})},
		{"reset", anyRate, always(wireReply{fails: syscall.ECONNRESET})},
		{"body cut short", anyRate, func(_ *vendor, h wireReply) wireReply {
			h.body, h.cut = h.body[:len(h.body)/2], io.ErrUnexpectedEOF
			return h
		}},
		{"body cut short, unnoticed", anyRate, func(_ *vendor, h wireReply) wireReply { h.body = h.body[:len(h.body)/2]; return h }},
		{"endless body", seldom, func(_ *vendor, h wireReply) wireReply { h.body += strings.Repeat(" ", 1<<20); return h }},
		{"two documents", anyRate, func(_ *vendor, h wireReply) wireReply { h.body += oldError("BLUM-401-003"); return h }},
		{"gzip nobody asked for", anyRate, func(_ *vendor, h wireReply) wireReply {
			h.body = bomb(h.body)
			return h.with("Content-Encoding", "gzip")
		}},
		{"redirect", anyRate, redirects},
		{"200 with a portal page", anyRate, always(html(200))},
		{"200 with an error inside", anyRate, always(answered(200, oldError("BLUM-401-003")))},
		{"204", anyRate, always(answered(204, ""))},
		{"wrong content type", anyRate, func(_ *vendor, h wireReply) wireReply { return h.with("Content-Type", "image/png") }},
		{"the vendor's clock is off", clockIsOff, func(v *vendor, h wireReply) wireReply {
			return h.with("Date", v.now.Add(v.b.skew).Format(http.TimeFormat))
		}},
		{"another environment's answers", anyRate, otherWorld},
		{"another tenant's answers", anyRate, func(_ *vendor, h wireReply) wireReply {
			h.body = strings.ReplaceAll(h.body, "acc_1", "acc_9")
			return h
		}},
		{"refuses everybody for a while", throughout, refusesAll},
		{"accepts everybody for a while", throughout, acceptsAll},
		{"a cache per key", anyRate, func(v *vendor, h wireReply) wireReply { return v.cached(v.key, h, true) }},
		{"a cache for all, which says so", anyRate, func(v *vendor, h wireReply) wireReply { return v.cached("", h, true) }},
		{"a cache for all, which hides it", hides, func(v *vendor, h wireReply) wireReply { return v.cached("", h, false) }},
	}
}

func fiveHundreds(v *vendor, _ wireReply) wireReply {
	return answered(500+v.rand.IntN(5), oldError("BLUM-401-003"))
}

func redirects(v *vendor, _ wireReply) wireReply {
	to := oneOf(v.rand, "https://login.bluum.finance/", "/v1/login", "http://api.bluum.finance/v1/accounts", "https://api.bluum.finance:8443/v1", "")
	return answered(oneOf(v.rand, 301, 302, 303, 307, 308), oldError("BLUM-401-003")).with("Location", to)
}

// otherWorld answers as the sandbox does: the key is not known there, or it shows what is there.
func otherWorld(_ *vendor, h wireReply) wireReply {
	h.body = strings.ReplaceAll(h.body, `"livemode":true`, `"livemode":false`)
	return h
}

func clockIsOff(r *rand.Rand, b *behaviour) {
	b.rate, b.skew = 1, oneOf[time.Duration](r, -1, 1)*minutes(r, 1, 3*24*60)
}

// hides leaves one edge, so that whoever lies there lies for everybody, and within the bounds of that.
func hides(_ *rand.Rand, b *behaviour) {
	b.rate, b.victim = 1, ""
	b.bites, b.knows, b.denied = b.bites[:1], b.knows[:1], b.denied[:1]
	if s := &b.denied[0]; s.ends > 0 {
		s.good = max(s.good, shortestGood)
	}
}

// refusesAll and acceptsAll: the vendor's own check is broken for a while, again and again.
func refusesAll(v *vendor, h wireReply) wireReply {
	if !v.b.outage.refuses(v.since(v.born)) {
		return h
	}
	return answered(401, oldError(v.b.code))
}

func acceptsAll(v *vendor, h wireReply) wireReply {
	if !v.b.outage.refuses(v.since(v.born)) {
		return h
	}
	return answered(200, v.list("true", "acc_1"))
}

// bomb is text in front of a lot of nothing, packed.
func bomb(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text+strings.Repeat(" ", 1<<16))
	_ = z.Close()
	return b.String()
}

// cached answers with what was said before, to this caller or to anybody, as long as it is not too old.
func (v *vendor) cached(key string, fresh wireReply, says bool) wireReply {
	old, there := v.cache[key]
	if key == "" && !there { // the consumers' own calls went through it all the time
		old, there = memory{answered(200, v.list("true", "acc_1")), v.born.Add(-time.Minute)}, true
		v.cache[key] = old
	}
	if over := v.now.Sub(old.at) > v.b.stale; !there || over && (says || v.who() == "new") { // hidden, it changes between two looks
		v.cache[key] = memory{fresh, v.now}
		return fresh
	}
	if says {
		return old.wireReply.with("Age", strconv.Itoa(1+int(v.now.Sub(old.at)/time.Second)))
	}
	return old.wireReply
}

type memory struct {
	wireReply
	at time.Time
}
