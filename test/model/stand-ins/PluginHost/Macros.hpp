// The worker's build writes its switches here; the model's gives them on the command line.
#pragma once
