/* requests.h - marks that are asked for from outside (struct ring_request). Part of collect.
 *
 * Such a mark stands at one moment in all processes: the clock is read between the request and the answer, hooks are shown that reading, and what is older is
 * read of all before the mark is put. So it is exact for whoever stands still from before the request until the answer, in any process of the tree. The answer
 * comes when the mark is committed; a collector that goes on for a killed one finds the request where it was, and knows by its ticket whether the mark is there.
 */
#ifndef SEEP_COLLECTOR_REQUESTS_H
#define SEEP_COLLECTOR_REQUESTS_H

struct collector;

/* Answer all that wait. */
void requests_answer(struct collector *c);

#endif
