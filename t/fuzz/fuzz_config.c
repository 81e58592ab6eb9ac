
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A configuration file: whatever it holds it is either refused with a sentence
 * for each thing that is wrong, or all of it can be used.
 */


#include "fuzz.h"
#include "sjl_config.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    json_t        *errors, *error;
    sjl_config_t  *conf;

    conf = sjl_config_read(fuzz_file("launcher.json", data, size), &errors);

    json_array_foreach(errors, i, error) {
        fuzz_check(json_string_length(error) > 0);
    }

    fuzz_check((conf == NULL) == (json_array_size(errors) > 0));

    if (conf) {
        fuzz_check(conf->data_dir[0] == '/');
        fuzz_check(conf->channel_socket[0] == '/');
        fuzz_check(json_is_array(conf->channel_users));
        fuzz_check(conf->max_contexts > 0);
        fuzz_check(conf->ports.first <= conf->ports.last);
        sjl_config_free(conf);
    }

    json_decref(errors);

    return 0;
}
