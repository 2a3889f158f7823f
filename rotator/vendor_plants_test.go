package rotator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"quarterturn/vendors"
)

// plantsWithin is how many behaviours a planted fault may survive. The first that shows it is printed.
const plantsWithin = 600

// believes makes a refusal of every answer that is so.
func believes(is func(who string, rd vendors.Reading) bool) func(string, vendors.Reading) vendors.Reading {
	return func(who string, rd vendors.Reading) vendors.Reading {
		if rd.Verdict == vendors.Unclear && is(who, rd) {
			rd.Verdict, rd.Why = vendors.Refused, "planted"
		}
		return rd
	}
}

// take changes what the prober says about one kind of pair.
func take(who string, change func(rd *vendors.Reading)) func(string, vendors.Reading) vendors.Reading {
	return func(w string, rd vendors.Reading) vendors.Reading {
		if w == who {
			change(&rd)
		}
		return rd
	}
}

// plants are mistakes that somebody could make.
func vendorPlants() []planted {
	status := func(n int) func(string, vendors.Reading) bool {
		return func(_ string, rd vendors.Reading) bool { return rd.Status == n }
	}
	return []planted{
		{name: "believes any 401", on: "401", of: "somebody says so", reading: believes(status(http.StatusUnauthorized))},
		{name: "counts a 403 as a death", on: "403", of: "somebody says so", reading: believes(status(http.StatusForbidden))},
		{name: "counts a 5xx as a death", on: "5xx", of: "somebody says so", reading: believes(func(_ string, rd vendors.Reading) bool { return rd.Status >= 500 })},
		{name: "counts a redirect as a death", on: "redirect", of: "somebody says so", reading: believes(func(_ string, rd vendors.Reading) bool { return rd.Status/100 == 3 })},
		{name: "counts no answer as a death", on: "timeout", of: "somebody says so", reading: believes(func(_ string, rd vendors.Reading) bool { return rd.Status == 0 })},
		{name: "believes at once, not over time", on: "honest", of: "somebody says so", spec: func(sp *Spec) { sp.Profile.Propagation = time.Second }},
		{name: "believes after once the propagation time", on: "honest", of: "somebody says so", spec: func(sp *Spec) { sp.Profile.Propagation /= 2 }},
		{name: "looks only when a triple is due", on: "honest", of: "said revoked", seldom: true, blind: true},
		{name: "does not mind how long nobody looked", on: "429", of: "off and on", blind: true},
		{name: "ignores the control call with the new pair", on: "refuses everybody", of: "somebody says so", reading: take("new", func(rd *vendors.Reading) {
			rd.Verdict = vendors.Accepted
			rd.Host, rd.Environment, rd.Subjects = vendorHost, "production", []string{"planted"}
		})},
		{name: "ignores the made-up pair", on: "accepts everybody", of: "the new one", reading: take("random", func(rd *vendors.Reading) { rd.Verdict = vendors.Refused })},
		{name: "forgets that the old pair was accepted", on: "honest", of: "off and on", blind: true, reading: take("old", func(rd *vendors.Reading) {
			if rd.Verdict == vendors.Accepted && rd.At.After(noon().Add(2*time.Hour)) {
				rd.Verdict = vendors.Unclear
			}
		})},
		{name: "does not ask which environment answers", on: "honest", of: "sandbox", reading: take("new", func(rd *vendors.Reading) {
			if rd.Environment != "" {
				rd.Environment = "production"
			}
		})},
		{name: "does not compare the accounts", on: "honest", of: "another tenant", reading: func(who string, rd vendors.Reading) vendors.Reading {
			if who != "random" && len(rd.Subjects) > 0 {
				rd.Subjects = []string{"planted"}
			}
			return rd
		}},
		{name: "believes what a cache kept", on: "cache for all, which says so", of: "never issued", tamper: func(a wireReply) wireReply {
			if a.header.Get("Age") != "" {
				a.header = a.header.Clone()
				a.header.Del("Age")
			}
			return a
		}},
	}
}

// Each planted fault is found, or the harness proves nothing.
func TestVendorsFindsPlantedFaults(t *testing.T) {
	for _, p := range vendorPlants() {
		tr := newTrial(t)
		tr.plant = p
		n, found, lived := uint64(0), "", 0
		for ; lived < plantsWithin && found == ""; n++ {
			if b := draw(n); !strings.Contains(b.wire, p.on) || !strings.Contains(b.truth, p.of) {
				continue
			}
			lived++
			if b, o := tr.run(n); len(o.wrong) > 0 && o.wrong[0] != neverCloses {
				found = o.wrong[0] + " (" + b.truth + "; wire: " + b.wire + ")"
			}
		}
		if found == "" {
			t.Errorf("nobody finds the planted fault %q in %d behaviours", p.name, lived)
			continue
		}
		t.Logf("%-45s found by the %3d. on such a wire, number %d: %s", p.name, lived, n-1, found)
	}
}
