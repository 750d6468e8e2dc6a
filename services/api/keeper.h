// keeper.h: the thread that makes retention happen: it enters what is due into deletions, tells the recorders through callstate
// until they have answered, and closes what is done. Any number of api processes may do it: each statement changes nothing the
// second time. A hold that comes before the recorder was told stops it. It also writes the
// daily reports that are due (completeness.h). Limits: 200 new deletions and 64 tellings a round.
#pragma once

int keeper_start(void);
void keeper_stop(void);
