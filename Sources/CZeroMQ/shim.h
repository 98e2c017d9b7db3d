// The system's libzmq, as it is: install it with `apt-get install libzmq3-dev`.
// The library is named in the module map and not through pkg-config, because Debian's
// file carries flags that the package manager warns about at every build.
#include <zmq.h>
