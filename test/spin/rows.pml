/* The meaning of a rotation as the design's prose tells it, as ordered rows: the first that holds decides.
 *
 *   ROW(from, up to, what is seen, next state, move)
 *
 * The model includes this file as it is, and TestRowsOfTheModel (package rotator) reads the same lines and compares them
 * with the production decide. Words in capitals are atoms; rotation.pml says what each means in the model, the Go
 * test what it means in Seen and Rotation. */

/* a person's words */
ROW(due, awaiting_key, ABANDON_SAID, abandoned, M_NONE)
ROW(received, received, ABANDON_SAID && !REPLACE, abandoned, M_NONE)
ROW(staged, awaiting_revocation, ROLLBACK_SAID && ROUTINE && !OLD_DEAD, rolling_back, M_NONE)

/* pairs that died, in every state from received on */
ROW(received, received, NEW_DEAD, awaiting_key, M_WIPE)
ROW(staged, revocation_proven, NEW_DEAD && OLD_DEAD && BOTH_TWICE, awaiting_key, M_ASK_KEY)
ROW(staged, revocation_proven, NEW_DEAD && OLD_DEAD, STAY, M_NOTE_BOTH)
ROW(staged, revocation_proven, NEW_DEAD && !ROUTINE && BOTH_TWICE, awaiting_key, M_ASK_KEY)
ROW(staged, revocation_proven, NEW_DEAD && !ROUTINE, STAY, M_NOTE_BOTH)
ROW(revocation_proven, revocation_proven, OLD_OK, awaiting_revocation, M_NONE)
ROW(staged, awaiting_revocation, NEW_DEAD && OLD_OK, STAY, M_ASK_ROLLBACK)
ROW(staged, revocation_proven, NEW_DEAD, STAY, M_NONE)

/* due */
ROW(due, due, COMPROMISED && !ROOM && ORPHAN_HELD, received, M_NONE)
ROW(due, due, !OLD_SEALED, STAY, M_SEAL_OLD)
ROW(due, due, OLD_UNCLEAR && !COMPROMISED, STAY, M_NONE)
ROW(due, due, REPLACE && !WINDOW && !OLD_DEAD, STAY, M_ASK_WINDOW)
ROW(due, due, !ROOM && !OLD_DEAD && !REPLACE, STAY, M_ASK_ORPHAN)
ROW(due, due, true, awaiting_key, M_ASK_KEY)

/* a paste is no row: Accept alone leaves awaiting_key */
ROW(awaiting_key, awaiting_key, true, STAY, M_ASK_KEY)

ROW(received, received, NEW_OK, staged, M_NONE)
ROW(received, received, true, STAY, M_NONE)

ROW(staged, staged, PLACES_NEW, distributed, M_NONE)
ROW(staged, staged, true, STAY, M_PUT)

/* evidence that got lost falls back to what is still proven */
ROW(distributed, revocation_proven, !PLACES_NEW, staged, M_NONE)
ROW(distributed, distributed, REDEPLOY_FAILED, failed, M_ASK_RESUME)
ROW(distributed, distributed, !RUNS_DONE, STAY, M_REDEPLOY)
ROW(distributed, distributed, true, redeployed, M_NONE)
ROW(redeployed, revocation_proven, CAME_BACK && !WAIVED, distributed, M_NONE)
ROW(redeployed, redeployed, PROVEN_NEW, verified, M_NONE)
ROW(redeployed, redeployed, COMPROMISED && WAIVED, verified, M_NONE)
ROW(redeployed, redeployed, COMPROMISED, STAY, M_ASK_APPROVAL)
ROW(redeployed, redeployed, true, STAY, M_NONE)
ROW(verified, revocation_proven, !PROVEN_NEW && !WAIVED, redeployed, M_NONE)

ROW(verified, verified, OLD_DEAD, awaiting_revocation, M_NONE)
ROW(verified, verified, REPLACE, awaiting_revocation, M_NONE)
ROW(verified, verified, ROUTINE && !SOAKED, STAY, M_NONE)
ROW(verified, verified, !APPROVED && !WAIVED, STAY, M_ASK_APPROVAL)
ROW(verified, verified, NEW_OK, awaiting_revocation, M_ASK_REVOKE)
ROW(verified, verified, true, STAY, M_NONE)

ROW(awaiting_revocation, awaiting_revocation, TRIPLES, revocation_proven, M_NONE)
ROW(awaiting_revocation, awaiting_revocation, OLD_OK && !REPLACE, STAY, M_ASK_REVOKE)
ROW(awaiting_revocation, awaiting_revocation, true, STAY, M_NONE)
ROW(revocation_proven, revocation_proven, NEW_OK, closed, M_NONE)
ROW(revocation_proven, revocation_proven, true, STAY, M_NONE)

/* the way back ends where the old pair is no longer one */
ROW(rolling_back, rolling_back, OLD_DEAD && NEW_OK, staged, M_NONE)
ROW(rolling_back, rolling_back, OLD_DEAD && NEW_DEAD && BOTH_TWICE, awaiting_key, M_ASK_KEY)
ROW(rolling_back, rolling_back, OLD_DEAD && NEW_DEAD, STAY, M_NOTE_BOTH)
ROW(rolling_back, rolling_back, OLD_DEAD, STAY, M_NONE)
ROW(rolling_back, rolling_back, !PLACES_OLD, STAY, M_PUT)
ROW(rolling_back, rolling_back, REDEPLOY_FAILED, failed, M_ASK_RESUME)
ROW(rolling_back, rolling_back, !RUNS_DONE, STAY, M_REDEPLOY)
ROW(rolling_back, rolling_back, PROVEN_OLD, rolled_back, M_NONE)
ROW(rolling_back, rolling_back, CAME_BACK, STAY, M_AGAIN)
ROW(rolling_back, rolling_back, true, STAY, M_NONE)

ROW(failed, failed, ROLLBACK_SAID && ROUTINE && !OLD_DEAD, rolling_back, M_NONE)
ROW(failed, failed, RESUME_SAID, STAY, M_RESUME)
ROW(failed, failed, NEW_DEAD && OLD_DEAD && BOTH_TWICE, awaiting_key, M_ASK_KEY)
ROW(failed, failed, NEW_DEAD && !ROUTINE && BOTH_TWICE, awaiting_key, M_ASK_KEY)
ROW(failed, failed, NEW_DEAD && OLD_DEAD, STAY, M_NOTE_BOTH)
ROW(failed, failed, NEW_DEAD && !ROUTINE, STAY, M_NOTE_BOTH)
ROW(failed, failed, NEW_DEAD && OLD_OK, STAY, M_ASK_ROLLBACK)
ROW(failed, failed, NEW_DEAD, STAY, M_NONE)
ROW(failed, failed, true, STAY, M_ASK_RESUME)
