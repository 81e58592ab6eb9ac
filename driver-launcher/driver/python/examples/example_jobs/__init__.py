# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Examples of Python jobs. Each module stands for itself."""
