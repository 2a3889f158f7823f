/* One credential, two runners, two places, two consumers, people, a vendor and the clock: a model of docs/design.md,
 * written from its prose and from nothing else. rows.pml holds the rows of the decision.
 *
 *   make test-spin                  every property of every lane, and the planted faults
 *
 * LANE   1 routine (with rollback, abandoning, burials, and an emergency that supersedes it), 2 compromised, 3 replace
 * BEGIN  where it begins, so that what takes three ills is not out of reach: 0 due; 1 going back, asked or not, with the new
 *        pair everywhere; 2 stopped at a redeploy; 3 the same, and somebody has revoked the new pair
 * IDLE   people do nothing they are asked to do: what remains must be a named wait
 * PLANT  a fault put into the model itself, which SPIN has to find; 0 is none
 * ILLS   how many ills may happen, of any kinds in any order: a stop, a lease that ends too early, a probe without answer,
 *        an outage, a wrong paste, a wrong revocation, a rollback or end nobody was asked for, an emergency, a failed
 *        redeploy, a stranger who restores a place
 *
 * What is abstracted. Epochs and revisions are flags ("my claim is the last one", "nothing was recorded since I read"),
 * which is equality without counting. Time is what must have happened before it can pass: the propagation time is over
 * only when a revoked pair no longer flaps, a grace or overlap only when no effect of an older claim is under way. The
 * three probes of a triple are one step (they lie within 60 s). One triple that counts stands for the first, one after the
 * propagation time for the last. Place A is fenced by version, place B is unfenced and written one field after the other. */

#ifndef LANE
#define LANE 1
#endif
#ifndef PLANT
#define PLANT 0
#endif
#ifndef ILLS
#define ILLS 2
#endif
#ifndef BEGIN
#define BEGIN 0
#endif

/* states, in the order of the journey */
#define due 1
#define awaiting_key 2
#define received 3
#define staged 4
#define distributed 5
#define redeployed 6
#define verified 7
#define awaiting_revocation 8
#define revocation_proven 9
#define rolling_back 10
#define failed 11
#define closed 12
#define rolled_back 13
#define abandoned 14

/* pairs: 0 none, 1 the old one, 2 and 3 created by people, 4 torn or wrongly pasted (no vendor accepts it) */
#define TORN 4
#define LIVE 1
#define DYING 2
#define DEAD 3

#define UNCLEAR 0
#define ACC 1
#define REF 2

#define M_NONE 0
#define M_WIPE 1
#define M_SEAL_OLD 2
#define M_PUT 3
#define M_REDEPLOY 4
#define M_AGAIN 5
#define M_RESUME 6
#define M_NOTE_BOTH 7
/* from here on somebody is told, with one next command */
#define M_ASK_KEY 8
#define M_ASK_REVOKE 9
#define M_ASK_ROLLBACK 10
#define M_ASK_APPROVAL 11
#define M_ASK_WINDOW 12
#define M_ASK_ORPHAN 13
#define M_ASK_RESUME 14

/* the vendor, the places (two fields each), the consumers (a process, and one that has still to drain) */
byte life[5];
byte idA = 1, secA = 1, idB = 1, secB = 1;
byte uses[2] = 1;
byte linger;                            /* the CI consumer's process from before its last redeploy */
bool ran[2];                            /* the pipeline knows a run under the present once-key */

/* the ledger */
byte lane = LANE, st = due, told, neu, orphan;
bool sealed[5], asked, bothDead, broken, soaked, elapsed;
byte triples, resumeAt, nextp = 2;
bool rollbackSaid, abandonSaid, approved, window, waived, resumeSaid;
byte buried, bst;                       /* a burial's pair; 1 grace, 2 grace over, 3 asked, 4 refused once, 5 dead */
bool belapsed;

/* claims */
byte holder;                            /* who has the lease: 0, or a runner's number + 1 */
bool mine[2], fresh[2], down[2], flying[2], fence[2], newer[2];
bool overtaken[2];                      /* an effect of an older claim landed after this one had looked */

byte ills = ILLS;                       /* how much may still go wrong, of any kind */

/* what only the properties know */
bool said[5];                           /* "your pair is safe" was said */
bool meddled;                           /* a stranger wrote a place, ever */
bool hurt;                              /* a person revoked what nobody asked for, ever */

#define placeA (idA == secA -> idA : TORN)
#define placeB (idB == secB -> idB : TORN)
#define OLD 1
#define other (1 - me)
#define END (st == closed || st == rolled_back || st == abandoned)
#define late ((flying[0] && !mine[0]) || (flying[1] && !mine[1]))
#define using(p) (uses[0] == (p) || uses[1] == (p) || linger == (p) || idA == (p) || secA == (p) || idB == (p) || secB == (p))

/* what the rows call what they see */
#define REPLACE (lane == 3)
#define COMPROMISED (lane == 2)
#define ROUTINE (lane == 1)
#define NEW_OK (vN == ACC)
#define NEW_DEAD (vN == REF)
#define OLD_OK (vO == ACC)
#define OLD_DEAD (vO == REF)
#define OLD_UNCLEAR (vO == UNCLEAR)
#define OLD_SEALED (sealed[OLD])
#define BOTH_TWICE bothDead
#define ABANDON_SAID abandonSaid
#define ROLLBACK_SAID rollbackSaid
#define RESUME_SAID resumeSaid
#define WINDOW window
#define APPROVED approved
#define WAIVED waived
#define ROOM (orphan == 0 || life[orphan] == DEAD)
#define ORPHAN_HELD (sA == orphan || sB == orphan)
#define PLACES_NEW (sA == neu && sB == neu)
#define PLACES_OLD (sA == OLD && sB == OLD)
#define PROVEN_NEW (proven)
#define PROVEN_OLD (proven)
#define CAME_BACK (back)
#define RUNS_DONE (ran[0] && ran[1])
#define REDEPLOY_FAILED broken
#define SOAKED soaked
#define TRIPLES (triples == 2)
#define STAY st

#define ROW(LO, HI, SEEN, TO, MOVE) if :: st >= LO && st <= HI && (SEEN) -> nx = TO; mv = MOVE; goto decided :: else fi;

/* a stop before an effect, while one is under way, between the two fields of a torn write, and before the record:
 * everything in memory is gone, and the lease stays until its time is over. Anywhere else nothing but memory is lost,
 * which is the same as a stop before a move that does nothing. */
#define STOP atomic { ills > 0 -> ills--; down[me] = (holder == me + 1); forget(); goto claim }

inline forget() {
	sA = 0; nx = 0; mv = 0; want = 0; overtaken[me] = 0; mine[me] = 0; fresh[me] = 0; fence[me] = 0; newer[me] = 0; flying[me] = 0
}

/* an effect took place, of which a later claim that had looked already knows nothing */
inline lands() {
	overtaken[other] = overtaken[other] || !mine[me]
}

inline landed() {
	flying[me] = 0; lands()
}

inline release() {
	forget();
	if :: holder == me + 1 -> holder = 0 :: else fi
}

inline probe(p, v) {
	if
	:: life[p] == LIVE || life[p] == DYING -> v = ACC
	:: life[p] == DEAD || life[p] == DYING -> v = REF
	:: life[p] == 0 || ills > 0 ->
		if :: life[p] -> ills-- :: else fi; v = UNCLEAR
	fi
}

/* new accepted, random refused, old refused; an outage answers nothing, or refuses everybody */
inline triple(p, keep) {
	if
	:: life[p] == LIVE || life[p] == DYING -> tr = ACC
	:: life[p] == DEAD || life[p] == DYING -> tr = (life[keep] == LIVE -> REF : UNCLEAR)
	:: ills > 0 -> ills--; tr = UNCLEAR
	:: ills > 0 -> ills--; tr = (PLANT == 4 -> REF : UNCLEAR) /* all refused: no triple without its controls */
	fi
}

inline record() {
	fresh[other] = 0;
	bothDead = (mv == M_NOTE_BOTH);
	if
	:: mv == M_SEAL_OLD -> sealed[OLD] = 1
	:: mv == M_WIPE -> sealed[neu] = 0; neu = 0
	:: mv == M_RESUME -> nx = resumeAt; resumeSaid = 0; broken = 0
	:: mv == M_AGAIN || (st >= redeployed && st <= revocation_proven && nx == distributed) -> ran[0] = (uses[0] == want); ran[1] = (uses[1] == want)
	:: mv == M_ASK_REVOKE -> assert(life[neu] != DEAD || hurt);
		assert(meddled || waived || overtaken[me] || (uses[0] == neu && uses[1] == neu && (linger == 0 || linger == neu)));
		asked = 1
	:: else
	fi;
	if :: nx != st && (nx == staged || nx == rolling_back) -> ran[0] = 0; ran[1] = 0 :: else fi;
	if :: st == awaiting_revocation && nx != st -> asked = 0; if :: nx != revocation_proven -> triples = 0; elapsed = 0 :: else fi
	   :: else fi;
	if :: mv == M_ASK_ROLLBACK || mv == M_NOTE_BOTH || mv == M_NONE && st != awaiting_revocation && nx != awaiting_revocation -> asked = 0 :: else fi;
	if :: nx == failed && st != failed -> resumeAt = st :: else fi;
	if
	:: nx == awaiting_key && st > received -> sealed[neu] = 0; neu = 0; triples = 0; elapsed = 0; asked = 0
	:: nx == received && st == due -> neu = orphan; orphan = 0
	:: nx == rolling_back -> rollbackSaid = 0; broken = 0
	:: nx == closed && st != closed ->
		assert(life[OLD] == DEAD);
		assert(meddled || hurt || waived || overtaken[me] || (uses[0] == neu && uses[1] == neu && (linger == 0 || linger == neu)));
		assert(hurt || life[neu] == LIVE);
		sealed[OLD] = 0; sealed[neu] = 0    /* a place returns it */
	:: (nx == rolled_back || nx == abandoned) && neu ->
		assert(nx == abandoned || meddled || late || overtaken[me] || (uses[0] == OLD && uses[1] == OLD));
		buried = neu; bst = 1
	:: else
	fi;
	soaked = (nx == verified && st == verified && soaked);
	if :: mv >= M_ASK_KEY -> told = mv :: mv == M_NONE && nx == st :: else -> told = 0 fi;
	if :: nx == closed || nx == rolled_back || nx == abandoned -> told = 0 :: else fi;
	st = nx
}

/* Accept: shape and never-seen are checked, sealed first, committed; "safe" is said after it was read back */
inline accept(p) {
	if :: st == awaiting_key -> st = received; neu = p; sealed[p] = (PLANT != 6); told = 0; fresh[0] = 0; fresh[1] = 0
	   :: else fi
}

inline revoke() {	/* the right act: the person does what the request says */
	assert(meddled || hurt || waived || !using(OLD));
	life[OLD] = DYING
}

proctype Runner(byte me) {
	byte vO, vN, sA, sB, nx, mv, want, tr;
	bool proven, back;
claim:
end:	do
	:: atomic { holder == 0 && !END ->
		down[me] = 0; holder = me + 1; mine[me] = 1; mine[other] = 0; fresh[me] = 1; newer[me] = 0 }
		goto look
	:: atomic { holder == 0 && buried && bst < 5 ->
		down[me] = 0; holder = me + 1; mine[me] = 1; mine[other] = 0; fresh[me] = 1; newer[me] = 0 }
		goto burial
	od;

look:	/* by observing only; each look is a moment of its own */
	atomic { probe(OLD, vO); probe(neu, vN); sA = placeA; fence[me] = 1; overtaken[me] = 0 }
	atomic {
		sB = placeB;
		want = (st == rolling_back || (st == failed && resumeAt == rolling_back) -> OLD : neu);
		back = uses[0] != want || uses[1] != want;
#if PLANT == 3
		proven = !back;                 /* planted: the process that still drains is not asked */
#else
		proven = !back && (linger == 0 || linger == want);
#endif
		if :: st == awaiting_revocation ->
			triple(OLD, neu);
			if :: tr == ACC && fresh[me] && mine[me] -> triples = 0; elapsed = 0
			   :: tr == REF && fresh[me] && mine[me] ->
#if PLANT == 1
				triples = 2                 /* planted: one refusal is a death */
#else
				if :: triples == 0 -> triples = 1 :: triples == 1 && elapsed -> triples = 2 :: else fi
#endif
			   :: else fi
		:: else fi;
#include "rows.pml"
decided:	vO = 0; vN = 0; tr = 0; proven = 0; back = 0; sB = 0;
		sA = (mv == M_PUT && sA == want)
	}

	if	/* act: the context ends before the lease does, but what is under way may arrive late */
	:: STOP
	:: atomic { mv == M_PUT && mine[me] && !sA -> flying[me] = 1; assert(life[want] != TORN) }
		if
		:: STOP
#if PLANT == 2
		:: atomic {                     /* planted: the place does not compare versions */
#else
		:: atomic { !fence[me] -> flying[me] = 0 }
		:: atomic { fence[me] ->
#endif
			landed(); assert(!newer[me]); idA = want; secA = want;
			newer[other] = newer[other] || flying[other] && !mine[other]; fence[other] = 0 }
		fi
	:: atomic { mv == M_PUT && mine[me] && sA -> flying[me] = 1 }
		if :: STOP :: atomic { idB = want; lands() } fi;
		if :: STOP :: atomic { secB = want; landed() } fi
	:: atomic { mv == M_REDEPLOY && mine[me] -> flying[me] = 1 }
		if
		:: STOP
		:: atomic { ills > 0 -> ills--; broken = 1; flying[me] = 0 }
		:: atomic { !ran[0] -> uses[0] = placeA; ran[0] = 1; landed() }
		:: atomic { ran[0] && !ran[1] -> linger = uses[1]; uses[1] = placeB; ran[1] = 1; landed() }
		:: atomic { ran[0] && ran[1] -> flying[me] = 0 }
		fi
	:: mv != M_PUT && mv != M_REDEPLOY
	fi;

	if	/* record: one transaction, if nothing was recorded since and no later claim was made */
	:: STOP
	:: atomic {
#if PLANT == 5
		if :: true ->                   /* planted: neither epoch nor revision is compared */
#else
		if :: mine[me] && fresh[me] ->
#endif
			record()
		:: else fi;
		release() }
	fi;
	goto claim;

burial:	/* the small journey of one pair: waits a grace, observes again, asks, is proven dead */
	atomic {
		sA = placeA; sB = placeB;
		if :: bst >= 3 -> triple(buried, (st == rolled_back || st == abandoned -> OLD : 0)) :: else fi;
		if :: mine[me] && fresh[me] ->
			if
			:: sA == buried || sB == buried || sA == TORN || sB == TORN || uses[0] == buried || uses[1] == buried || linger == buried ->
				if :: bst > 2 -> bst = 2 :: else fi
			:: else -> if :: bst == 2 -> bst = 3 :: else fi
			fi;
			if
			:: bst >= 3 && tr == ACC -> bst = 3; belapsed = 0
			:: bst == 3 && tr == REF -> bst = 4; belapsed = 0
			:: bst == 4 && tr == REF && belapsed -> bst = 5; assert(life[buried] == DEAD); sealed[buried] = 0
			:: else
			fi
		:: else fi;
		tr = 0; sB = 0;
		release()
	}
	goto claim
}

proctype Person() {
	byte made;                              /* created in the portal, not yet safe */
end:	do
#ifndef IDLE
	:: atomic { st == awaiting_key && told == M_ASK_KEY && made == 0 && nextp < 4 ->
		made = nextp; life[made] = LIVE; nextp++;
		if :: lane == 3 -> life[OLD] = (life[OLD] == DEAD -> DEAD : DYING) :: else fi }
	:: atomic { made && st == awaiting_key && life[made] == LIVE -> accept(made) }
	:: atomic { made && st == awaiting_key && life[made] == DEAD -> made = 0 } /* refused, and told so: another is created */
	:: atomic { made && neu == made && !said[made] && st >= received -> said[made] = 1; made = 0 }
	:: atomic { asked && st == awaiting_revocation && life[OLD] == LIVE -> revoke() }
	:: atomic { bst >= 3 && bst < 5 && life[buried] == LIVE ->
		assert(meddled || (uses[0] != buried && uses[1] != buried && idA != buried && secA != buried && idB != buried && secB != buried));
		life[buried] = DYING }
	:: atomic { told == M_ASK_ORPHAN && orphan && life[orphan] == LIVE -> assert(!using(orphan) || meddled || waived || hurt); life[orphan] = DYING }
	:: told == M_ASK_ROLLBACK && !rollbackSaid -> rollbackSaid = 1
	:: told == M_ASK_APPROVAL && !approved && lane == 1 -> approved = 1
	:: told == M_ASK_APPROVAL && !waived && lane == 2 -> waived = 1 /* names the consumers without proof */
	:: told == M_ASK_WINDOW && !window -> window = 1
	:: told == M_ASK_RESUME && !resumeSaid -> resumeSaid = 1
#endif
	/* acts nobody asked for */
	:: atomic { ills > 0 && st > due && !END && life[OLD] == LIVE -> ills--; life[OLD] = DYING; hurt = 1 }
	:: atomic { ills > 0 && !END && neu && neu != TORN && life[neu] == LIVE -> ills--; life[neu] = DYING; hurt = 1 }
	:: atomic { ills > 0 && st == awaiting_key -> ills--; accept(TORN) }
	:: atomic { ills > 0 && !END && !rollbackSaid -> ills--; rollbackSaid = 1 }
	:: atomic { ills > 0 && !END && !abandonSaid -> ills--; abandonSaid = 1 }
	:: atomic { ills > 0 && lane == 1 && st < awaiting_revocation && neu != TORN -> /* one transaction */
		ills--; lane = 2; st = due; told = 0; orphan = neu; neu = 0; fresh[0] = 0; fresh[1] = 0;
		ran[0] = 0; ran[1] = 0; rollbackSaid = 0; abandonSaid = 0; approved = 0; asked = 0; soaked = 0; bothDead = 0 }
	od
}

/* a vendor's propagation ends, whatever else goes on: a process of its own, so that fairness holds for it */
proctype Vendor() {
end:	do
	:: life[1] == DYING -> life[1] = DEAD
	:: life[2] == DYING -> life[2] = DEAD
	:: life[3] == DYING -> life[3] = DEAD
	od
}

proctype World() {
end:	do
	/* time passes */
	:: atomic { st == verified && !soaked && !late -> soaked = 1 }
	:: atomic { triples == 1 && !elapsed && life[OLD] != DYING && !late -> elapsed = 1 }
	:: atomic { bst == 1 && !late -> bst = 2 }
	:: atomic { bst == 4 && !belapsed && life[buried] != DYING -> belapsed = 1 }
	/* leases: a stopped runner's ends, and so may one whose runner is only slow (matters while an effect is under way) */
	:: atomic { holder && down[holder - 1] -> holder = 0 }
	:: atomic { holder && flying[holder - 1] && ills > 0 -> ills--; holder = 0 }
	/* consumers: ordinary restarts read what is there; the drained process ends */
	:: atomic { uses[0] != placeA -> uses[0] = placeA }
	:: atomic { uses[1] != placeB -> uses[1] = placeB }
	:: linger -> linger = 0
	/* a stranger restores the old pair in a place */
	:: atomic { ills > 0 && idA != OLD && !END -> ills--; meddled = 1; idA = OLD; secA = OLD; fence[0] = 0; fence[1] = 0 }
	od
}

init {
	life[OLD] = LIVE; life[TORN] = DEAD;
#if BEGIN
	d_step {
		neu = 2; life[2] = LIVE; nextp = 3; sealed[OLD] = 1; sealed[2] = 1; said[2] = 1;
		idA = 2; secA = 2; idB = 2; secB = 2; uses[0] = 2;
		st = (BEGIN == 1 -> rolling_back : failed); resumeAt = (BEGIN == 1 -> 0 : distributed);
		uses[1] = (BEGIN == 1 -> 2 : OLD); ran[0] = (BEGIN != 1); broken = (BEGIN != 1);
		life[2] = (BEGIN == 3 -> DYING : LIVE); hurt = (BEGIN == 3)
	}
#endif
	atomic { run Runner(0); run Runner(1); run Person(); run World(); run Vendor() }
}

/* a pair of which we said that it is safe stays sealed, or in a place that can return it, for as long as it lives. Not so
 * when a stranger overwrites that place between the last look and the end: SPIN finds it without "!meddled" */
#define kept(p) ((said[p] && life[p] == LIVE && !meddled) -> (sealed[p] || (idA == p && secA == p)))
#define finished (st == closed -> life[1] == DEAD)
ltl safe { [] (kept(2) && kept(3) && finished) }
/* once faults have stopped: an end, or a person who was told one next command */
ltl rests { [] <> (END || told) }
/* with people who do what they are told: an end */
ltl ends { <> (END) }
