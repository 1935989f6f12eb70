// Package stats counts what came of jobs: yields, the reasons of failures, how long things
// take. The station's figures of today, its page and zarya report are all made by it, so
// they follow the same rules:
//
//   - What counts is a job that passed, was compliant or failed. One that was interrupted or
//     skipped does not count, nor one of a golden or test unit, nor one of a tablet that
//     nothing here is for. A failure of the bench counts as not passed, and so
//     does a tablet for which its pool had no identity.
//   - A unit is one tablet on one day, by the clock of whoever counts. A tablet without a
//     serial of its own is another unit with each job. A unit's jobs are in the order of
//     the times at which they ended.
//   - First-pass yield is the part of the units whose first job passed; second-pass yield of
//     those of whose first two jobs one passed; last-pass yield of those whose last job
//     passed. One minus the last is the scrap.
//   - Where numbers are grouped, a unit belongs with its yields to the group of its first
//     job, so that a port is not praised for the retries of another; and as a passed tablet
//     to the group of the job with which it passed. Each group's units add up to all units.
//   - An hour counts for the rate of a group if a job of it ended within it, at each station
//     by itself.
//
// Everything is made of a [Record] at a time. What is kept of a record is small: whether it
// passed and when, and its times as numbers.
package stats
