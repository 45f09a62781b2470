// The name by which FlatBuffers users look for this header. Both builds write it to mph/fbs/.
#pragma once

#include "mph/fbs/control.h"
