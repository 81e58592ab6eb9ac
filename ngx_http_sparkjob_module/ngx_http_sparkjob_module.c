
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Directives, configuration, start and end of a worker.
 */


#include <ngx_http_sparkjob_module.h>


/* room for the tables and for at least one record of the largest kind */
#define NGX_HTTP_SPARKJOB_ZONE_PAGES  32


static char *ngx_http_sparkjob_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_addr_t *ngx_http_sparkjob_zone_addr(ngx_conf_t *cf,
    ngx_str_t *value);
static char *ngx_http_sparkjob(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_http_sparkjob_zone_t *ngx_http_sparkjob_zone_named(ngx_conf_t *cf,
    ngx_str_t *name);
static void *ngx_http_sparkjob_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_sparkjob_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sparkjob_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_sparkjob_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_sparkjob_init_process(ngx_cycle_t *cycle);
static void ngx_http_sparkjob_exit_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_sparkjob_commands[] = {

    { ngx_string("sparkjob_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3|NGX_CONF_TAKE4|NGX_CONF_TAKE5
          |NGX_CONF_TAKE6|NGX_CONF_TAKE7,
      ngx_http_sparkjob_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sparkjob"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sparkjob,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_sparkjob_routes },

    { ngx_string("sparkjob_livy"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sparkjob,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_sparkjob_livy_routes },

    { ngx_string("sparkjob_user"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, user),
      NULL },

    { ngx_string("sparkjob_allow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_sparkjob_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sparkjob_ui"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sparkjob_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, ui),
      NULL },

    { ngx_string("sparkjob_thrift"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sparkjob_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, thrift),
      NULL },

    { ngx_string("sparkjob_owner"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, owner),
      NULL },

    { ngx_string("sparkjob_audit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sparkjob_audit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sparkjob_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, origin),
      NULL },

    { ngx_string("sparkjob_proxy_user"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, proxy_user),
      NULL },

    { ngx_string("sparkjob_sync_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, sync_timeout),
      NULL },

    { ngx_string("sparkjob_context_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, context_timeout),
      NULL },

    { ngx_string("sparkjob_delete_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, delete_timeout),
      NULL },

    { ngx_string("sparkjob_launcher_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, launcher_timeout),
      NULL },

    { ngx_string("sparkjob_reply_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sparkjob_loc_conf_t, reply_timeout),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sparkjob_module_ctx = {
    ngx_http_sparkjob_pass_add_variables,  /* preconfiguration */
    ngx_http_sparkjob_init,                /* postconfiguration */

    ngx_http_sparkjob_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sparkjob_create_loc_conf,     /* create location configuration */
    ngx_http_sparkjob_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_sparkjob_module = {
    NGX_MODULE_V1,
    &ngx_http_sparkjob_module_ctx,         /* module context */
    ngx_http_sparkjob_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_sparkjob_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sparkjob_exit_process,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_sparkjob_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                    size;
    ngx_str_t                 *value;
    ngx_addr_t                *addr;
    ngx_uint_t                 i;
    ngx_http_sparkjob_zone_t  *zone;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the zone has no name");
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of zone \"%V\"",
                           &value[2], &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (NGX_HTTP_SPARKJOB_ZONE_PAGES * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: \"%V\", at least %uzk "
                           "are needed", &value[1], &value[2],
                           NGX_HTTP_SPARKJOB_ZONE_PAGES * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    addr = ngx_http_sparkjob_zone_addr(cf, value);
    if (addr == NULL) {
        return NGX_CONF_ERROR;
    }

    zone = ngx_http_sparkjob_zone_named(cf, &value[1]);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->shm_zone) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is already defined, its launcher "
                           "is \"%V\"", &value[1], &zone->addr->name);
        return NGX_CONF_ERROR;
    }

    zone->addr = addr;

    zone->shm_zone = ngx_shared_memory_add(cf, &zone->name, size,
                                           &ngx_http_sparkjob_module);
    if (zone->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->shm_zone->init = ngx_http_sparkjob_zone_init;
    zone->shm_zone->data = zone;

    ngx_http_sparkjob_limit_init(zone);

    for (i = 4; i < cf->args->nelts; i++) {

        if (ngx_http_sparkjob_limit_set(zone, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" of zone \"%V\"",
                               &value[i], &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_addr_t *
ngx_http_sparkjob_zone_addr(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_url_t  u;

    if (ngx_strncmp(value[3].data, "unix:", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\": the launcher's address must be "
                           "\"unix:<path>\", not \"%V\"",
                           &value[1], &value[3]);
        return NULL;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[3];

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\" of zone \"%V\"",
                           u.err ? u.err : "no memory", &u.url, &value[1]);
        return NULL;
    }

    return u.addrs;
}


static char *
ngx_http_sparkjob(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sparkjob_loc_conf_t  *slcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (slcf->routes == cmd->post) {
        return "is duplicate";
    }

    if (slcf->zone) {
        return "is not possible in a location that has another dialect";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return "cannot be used in a location given by a regular expression";
    }
#endif

    if (clcf->named) {
        return "cannot be used in a named location";
    }

    value = cf->args->elts;

    slcf->zone = ngx_http_sparkjob_zone_named(cf, &value[1]);
    if (slcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->routes = cmd->post;
    slcf->livy = (slcf->routes == ngx_http_sparkjob_livy_routes);

    /* an exact location names one resource, not what stands before it */

    if (!clcf->exact_match) {
        slcf->prefix = clcf->name;

        if (slcf->prefix.len
            && slcf->prefix.data[slcf->prefix.len - 1] == '/')
        {
            slcf->prefix.len--;
        }
    }

    clcf->handler = ngx_http_sparkjob_handler;

    return NGX_CONF_OK;
}


/*
 * A location may stand before the zone that it names, so whichever comes first
 * makes the zone, and ngx_http_sparkjob_init() finds those never defined.
 */

static ngx_http_sparkjob_zone_t *
ngx_http_sparkjob_zone_named(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_sparkjob_zone_t        *zone, **zonep;
    ngx_http_sparkjob_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sparkjob_module);

    zonep = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {

        if (zonep[i]->name.len == name->len
            && ngx_strncmp(zonep[i]->name.data, name->data, name->len) == 0)
        {
            return zonep[i];
        }
    }

    zonep = ngx_array_push(&smcf->zones);
    if (zonep == NULL) {
        return NULL;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_sparkjob_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    zone->name = *name;
    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;

    *zonep = zone;

    return zone;
}


static void *
ngx_http_sparkjob_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sparkjob_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sparkjob_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->zones, cf->pool, 2,
                       sizeof(ngx_http_sparkjob_zone_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_http_sparkjob_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sparkjob_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     slcf->zone = NULL;
     *     slcf->routes = NULL;
     *     slcf->livy = 0;
     *     slcf->prefix = { 0, NULL };
     *     slcf->user = NULL;
     *     slcf->origin = NULL;
     *     slcf->allow = NULL;
     *     slcf->ui = { 0, NULL };
     *     slcf->thrift = { 0, NULL };
     */

    slcf->audit = NGX_CONF_UNSET_PTR;
    slcf->owner = NGX_CONF_UNSET;
    slcf->proxy_user = NGX_CONF_UNSET;
    slcf->sync_timeout = NGX_CONF_UNSET_MSEC;
    slcf->context_timeout = NGX_CONF_UNSET_MSEC;
    slcf->delete_timeout = NGX_CONF_UNSET_MSEC;
    slcf->launcher_timeout = NGX_CONF_UNSET_MSEC;
    slcf->reply_timeout = NGX_CONF_UNSET_MSEC;

    return slcf;
}


static char *
ngx_http_sparkjob_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sparkjob_loc_conf_t *prev = parent;
    ngx_http_sparkjob_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" inside a location of ours stay ours */

    if (clcf->noname && conf->zone == NULL && prev->zone) {
        conf->zone = prev->zone;
        conf->routes = prev->routes;
        conf->livy = prev->livy;
        conf->prefix = prev->prefix;
        clcf->handler = ngx_http_sparkjob_handler;
    }

    if (clcf->exact_match && conf->zone && prev->zone) {
        conf->prefix = prev->prefix;
    }

    if (conf->user == NULL) {
        conf->user = prev->user;
    }

    if (conf->origin == NULL) {
        conf->origin = prev->origin;
    }

    if (conf->allow == NULL) {
        conf->allow = prev->allow;
    }

    ngx_conf_merge_str_value(conf->ui, prev->ui, "");
    ngx_conf_merge_str_value(conf->thrift, prev->thrift, "");
    ngx_conf_merge_ptr_value(conf->audit, prev->audit, NULL);
    ngx_conf_merge_value(conf->owner, prev->owner, 0);
    ngx_conf_merge_value(conf->proxy_user, prev->proxy_user, 0);
    ngx_conf_merge_msec_value(conf->sync_timeout, prev->sync_timeout, 10000);
    ngx_conf_merge_msec_value(conf->context_timeout, prev->context_timeout,
                              65000);
    ngx_conf_merge_msec_value(conf->delete_timeout, prev->delete_timeout,
                              15000);
    ngx_conf_merge_msec_value(conf->launcher_timeout, prev->launcher_timeout,
                              5000);
    ngx_conf_merge_msec_value(conf->reply_timeout, prev->reply_timeout, 60000);

    if (conf->zone && ngx_http_sparkjob_allow_init(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sparkjob_init(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_sparkjob_zone_t       **zonep;
    ngx_http_sparkjob_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sparkjob_module);

    zonep = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {

        if (zonep[i]->shm_zone == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown sparkjob_zone \"%V\" in %s:%ui",
                          &zonep[i]->name, zonep[i]->file, zonep[i]->line);
            return NGX_ERROR;
        }
    }

    if (ngx_http_sparkjob_audit_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sparkjob_filter_init(cf);
}


static ngx_int_t
ngx_http_sparkjob_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_sparkjob_zone_t       **zonep;
    ngx_http_sparkjob_main_conf_t   *smcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_sparkjob_module);
    if (smcf == NULL) {
        return NGX_OK;
    }

    zonep = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {

        if (ngx_http_sparkjob_channel_start(cycle, zonep[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_sparkjob_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_sparkjob_zone_t       **zonep;
    ngx_http_sparkjob_main_conf_t   *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_sparkjob_module);
    if (smcf == NULL) {
        return;
    }

    zonep = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {

        if (zonep[i]->channel) {
            ngx_http_sparkjob_channel_stop(zonep[i]->channel);
        }
    }
}
