
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Requests that a driver answers, through nginx's own proxy.
 *
 * They go to a named location of the configuration, whose proxy_pass takes what
 * is to be asked from variables.  Only this file gives these a value, so there
 * is no other way to have nginx ask, and nothing else that it asks.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_pass_none(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/* in the order of ngx_http_sparkjob_pass_e */

static ngx_str_t  ngx_http_sparkjob_pass_names[] = {
    ngx_string("sparkjob_ui"),
    ngx_string("sparkjob_ui_base"),
    ngx_string("sparkjob_ui_root"),
    ngx_string("sparkjob_thrift"),
    ngx_string("sparkjob_thrift_login")
};


/* nobody can "set" them: they may not be changed */

ngx_int_t
ngx_http_sparkjob_pass_add_variables(ngx_conf_t *cf)
{
    ngx_str_t                      *name;
    ngx_uint_t                      i;
    ngx_http_variable_t            *var;
    ngx_http_sparkjob_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sparkjob_module);

    for (i = 0; i < NGX_HTTP_SPARKJOB_NPASS; i++) {

        name = &ngx_http_sparkjob_pass_names[i];

        var = ngx_http_add_variable(cf, name, 0);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_sparkjob_pass_none;

        smcf->pass[i] = ngx_http_get_variable_index(cf, name);

        if (smcf->pass[i] == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_pass_none(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    v->not_found = 1;

    return NGX_OK;
}


char *
ngx_http_sparkjob_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *location, *value;

    location = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    if (location->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        ngx_str_set(location, "");
        return NGX_CONF_OK;
    }

    if (value[1].len < 2 || value[1].data[0] != '@') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a named location", &value[1]);
        return NGX_CONF_ERROR;
    }

    *location = value[1];

    return NGX_CONF_OK;
}


void
ngx_http_sparkjob_pass_set(ngx_http_request_t *r,
    ngx_http_sparkjob_pass_e pass, ngx_str_t *value)
{
    ngx_http_variable_value_t      *v;
    ngx_http_sparkjob_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sparkjob_module);

    v = &r->variables[smcf->pass[pass]];

    v->data = value->data;
    v->len = value->len;
    v->valid = 1;
    v->not_found = 0;
    v->no_cacheable = 0;
}


ngx_uint_t
ngx_http_sparkjob_passed(ngx_http_request_t *r)
{
    ngx_uint_t                      i;
    ngx_http_variable_value_t      *v;
    ngx_http_sparkjob_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sparkjob_module);

    for (i = 0; i < NGX_HTTP_SPARKJOB_NPASS; i++) {
        v = &r->variables[smcf->pass[i]];

        if (v->valid && v->len) {
            return 1;
        }
    }

    return 0;
}
