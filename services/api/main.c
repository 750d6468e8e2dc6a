// callmesh-api: the mesh of calls over HTTP: searches, events, audio, listening, and the dashboard's files.
#include "app.h"
#include "daemon/daemon.h"

int main(int argc, char **argv)
{
    return daemon_main(&api_service, argc, argv);
}
