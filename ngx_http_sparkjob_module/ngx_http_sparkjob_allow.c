
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Who may do what: sparkjob_allow.
 *
 * The rules of a location give roles to requests, each to those that it
 * matches; the route table says which role a route needs.  Where there is no
 * rule at all everybody may do everything.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_NO_VARIABLE  -1


typedef struct ngx_http_sparkjob_rule_s  ngx_http_sparkjob_rule_t;

typedef ngx_uint_t (*ngx_http_sparkjob_match_pt)(
    ngx_http_sparkjob_ctx_t *ctx, ngx_http_sparkjob_rule_t *rule);

struct ngx_http_sparkjob_rule_s {
    ngx_uint_t                   roles;
    ngx_int_t                    names;     /* of more, in a variable */
    ngx_http_sparkjob_match_pt   match;
    ngx_str_t                    user;
#if (NGX_PCRE)
    ngx_regex_t                 *regex;
#endif
    ngx_int_t                    variable;
    u_char                      *file;
    ngx_uint_t                   line;
};


static char *ngx_http_sparkjob_allow_roles(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_sparkjob_rule_t *rule);
static ngx_int_t ngx_http_sparkjob_allow_variable(ngx_conf_t *cf,
    ngx_str_t *value);
static char *ngx_http_sparkjob_allow_who(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_sparkjob_rule_t *rule);
static char *ngx_http_sparkjob_allow_regex(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_sparkjob_rule_t *rule);
static ngx_uint_t ngx_http_sparkjob_allow_roles_of(
    ngx_http_sparkjob_ctx_t *ctx, ngx_array_t *rules);
static ngx_uint_t ngx_http_sparkjob_allow_named(ngx_http_sparkjob_ctx_t *ctx,
    ngx_int_t variable);
static ngx_uint_t ngx_http_sparkjob_match_all(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule);
static ngx_uint_t ngx_http_sparkjob_match_user(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule);
#if (NGX_PCRE)
static ngx_uint_t ngx_http_sparkjob_match_regex(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule);
#endif
static ngx_uint_t ngx_http_sparkjob_match_variable(
    ngx_http_sparkjob_ctx_t *ctx, ngx_http_sparkjob_rule_t *rule);
static ngx_uint_t ngx_http_sparkjob_role(u_char *p, u_char *last);
static ngx_int_t ngx_http_sparkjob_deny(ngx_http_sparkjob_ctx_t *ctx,
    ngx_uint_t role);


static struct {
    ngx_str_t   name;
    ngx_uint_t  role;
} ngx_http_sparkjob_roles[] = {
    { ngx_string("read"), NGX_HTTP_SPARKJOB_READ },
    { ngx_string("submit"), NGX_HTTP_SPARKJOB_SUBMIT },
    { ngx_string("contexts"), NGX_HTTP_SPARKJOB_CONTEXTS },
    { ngx_string("binaries"), NGX_HTTP_SPARKJOB_BINARIES },
    { ngx_string("admin"), NGX_HTTP_SPARKJOB_ADMIN },
    { ngx_null_string, NGX_HTTP_SPARKJOB_NO_ROLE }
};


/* sparkjob_allow <role>[,<role>...]|$variable all|<user>|~<regex>|$variable */

char *
ngx_http_sparkjob_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sparkjob_loc_conf_t  *slcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_sparkjob_rule_t  *rule, roles;

    value = cf->args->elts;

    ngx_memzero(&roles, sizeof(ngx_http_sparkjob_rule_t));

    roles.file = cf->conf_file->file.name.data;
    roles.line = cf->conf_file->line;

    if (ngx_http_sparkjob_allow_roles(cf, &value[1], &roles) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (slcf->allow == NULL) {
        slcf->allow = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_http_sparkjob_rule_t));
        if (slcf->allow == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 2; i < cf->args->nelts; i++) {

        rule = ngx_array_push(slcf->allow);
        if (rule == NULL) {
            return NGX_CONF_ERROR;
        }

        *rule = roles;

        if (ngx_http_sparkjob_allow_who(cf, &value[i], rule) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        if (rule->match == ngx_http_sparkjob_match_all && cf->args->nelts > 3) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"all\" has others beside it, "
                               "who are among all");
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sparkjob_allow_roles(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_sparkjob_rule_t *rule)
{
    u_char      *p, *end, *last;
    ngx_uint_t   role;

    rule->names = NGX_HTTP_SPARKJOB_NO_VARIABLE;

    if (value->len && value->data[0] == '$') {
        rule->names = ngx_http_sparkjob_allow_variable(cf, value);

        return rule->names == NGX_ERROR ? NGX_CONF_ERROR : NGX_CONF_OK;
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        role = ngx_http_sparkjob_role(p, end);

        if (role == NGX_HTTP_SPARKJOB_NO_ROLE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown role \"%*s\" in \"%V\", there are "
                               "\"read\", \"submit\", \"contexts\", "
                               "\"binaries\" and \"admin\"",
                               (size_t) (end - p), p, value);
            return NGX_CONF_ERROR;
        }

        rule->roles |= role;
    }

    return NGX_CONF_OK;
}


/* with text beside the variable the value would never be empty */

static ngx_int_t
ngx_http_sparkjob_allow_variable(ngx_conf_t *cf, ngx_str_t *value)
{
    size_t     i;
    u_char     ch;
    ngx_str_t  name;

    name.data = value->data + 1;
    name.len = value->len - 1;

    if (name.len > 2 && name.data[0] == '{' && name.data[name.len - 1] == '}') {
        name.data++;
        name.len -= 2;
    }

    for (i = 0; i < name.len; i++) {
        ch = name.data[i] | 0x20;

        if ((ch < 'a' || ch > 'z') && (name.data[i] < '0' || name.data[i] > '9')
            && name.data[i] != '_')
        {
            break;
        }
    }

    if (value->data[0] != '$' || name.len == 0 || i != name.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not one variable alone", value);
        return NGX_ERROR;
    }

    return ngx_http_get_variable_index(cf, &name);
}


static char *
ngx_http_sparkjob_allow_who(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_sparkjob_rule_t *rule)
{
    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "a user has no name");
        return NGX_CONF_ERROR;
    }

    if (value->data[0] == '~') {
        return ngx_http_sparkjob_allow_regex(cf, value, rule);
    }

    if (ngx_strlchr(value->data, value->data + value->len, '$')) {
        rule->match = ngx_http_sparkjob_match_variable;
        rule->variable = ngx_http_sparkjob_allow_variable(cf, value);

        return rule->variable == NGX_ERROR ? NGX_CONF_ERROR : NGX_CONF_OK;
    }

    if (value->len == 3 && ngx_strncmp(value->data, "all", 3) == 0) {
        rule->match = ngx_http_sparkjob_match_all;
        return NGX_CONF_OK;
    }

    rule->match = ngx_http_sparkjob_match_user;
    rule->user = *value;

    return NGX_CONF_OK;
}


/* "~" or, without regard to case, "~*" */

static char *
ngx_http_sparkjob_allow_regex(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_sparkjob_rule_t *rule)
{
#if (NGX_PCRE)
    u_char               errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t  rc;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.data = value->data + 1;
    rc.pattern.len = value->len - 1;
    rc.pool = cf->pool;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (rc.pattern.len && rc.pattern.data[0] == '*') {
        rc.options = NGX_REGEX_CASELESS;
        rc.pattern.data++;
        rc.pattern.len--;
    }

    if (rc.pattern.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has no regular expression", value);
        return NGX_CONF_ERROR;
    }

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &rc.err);
        return NGX_CONF_ERROR;
    }

    rule->match = ngx_http_sparkjob_match_regex;
    rule->user = *value;
    rule->regex = rc.regex;

    return NGX_CONF_OK;

#else
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "using regex \"%V\" requires PCRE library", value);
    return NGX_CONF_ERROR;
#endif
}


/* of a location with the API: whether there are users where they are needed */

ngx_int_t
ngx_http_sparkjob_allow_init(ngx_conf_t *cf,
    ngx_http_sparkjob_loc_conf_t *slcf)
{
    ngx_uint_t                 i;
    ngx_http_sparkjob_rule_t  *rule;

    if (slcf->user) {
        return NGX_OK;
    }

    if (slcf->owner) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"sparkjob_owner\" is on in location \"%V\", which has "
                      "no \"sparkjob_user\"", &slcf->prefix);
        return NGX_ERROR;
    }

    rule = slcf->allow ? slcf->allow->elts : NULL;

    for (i = 0; rule && i < slcf->allow->nelts; i++) {

        if (rule[i].user.len) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"sparkjob_allow\" names \"%V\" in %s:%ui, but "
                          "location \"%V\" has no \"sparkjob_user\"",
                          &rule[i].user, rule[i].file, rule[i].line,
                          &slcf->prefix);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sparkjob_allowed(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_uint_t  roles, needed;

    roles = slcf->allow ? ngx_http_sparkjob_allow_roles_of(ctx, slcf->allow)
                        : NGX_HTTP_SPARKJOB_NO_ROLE;

    if (roles & NGX_HTTP_SPARKJOB_ADMIN) {
        ctx->admin = 1;
        return NGX_OK;
    }

    ctx->isolated = (slcf->owner != 0);

    needed = ctx->isolated ? ctx->route->own_role : ctx->route->role;

    if (slcf->allow == NULL || (roles & needed) == needed) {
        return NGX_OK;
    }

    return ngx_http_sparkjob_deny(ctx, needed);
}


static ngx_uint_t
ngx_http_sparkjob_allow_roles_of(ngx_http_sparkjob_ctx_t *ctx,
    ngx_array_t *rules)
{
    ngx_uint_t                 i, roles;
    ngx_http_sparkjob_rule_t  *rule;

    roles = NGX_HTTP_SPARKJOB_NO_ROLE;
    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {

        if (rule[i].match(ctx, &rule[i])) {
            roles |= rule[i].roles
                     | ngx_http_sparkjob_allow_named(ctx, rule[i].names);
        }
    }

    return roles;
}


/* names with commas or blanks between; other groups than ours are no roles */

static ngx_uint_t
ngx_http_sparkjob_allow_named(ngx_http_sparkjob_ctx_t *ctx, ngx_int_t variable)
{
    u_char                     *p, *start, *last;
    ngx_uint_t                  roles;
    ngx_http_variable_value_t  *v;

    roles = NGX_HTTP_SPARKJOB_NO_ROLE;

    if (variable == NGX_HTTP_SPARKJOB_NO_VARIABLE) {
        return roles;
    }

    v = ngx_http_get_flushed_variable(ctx->request, variable);

    if (v == NULL || v->not_found) {
        return roles;
    }

    start = v->data;
    last = v->data + v->len;

    for (p = start; p <= last; p++) {

        if (p == last || *p == ',' || *p == ' ') {
            roles |= ngx_http_sparkjob_role(start, p);
            start = p + 1;
        }
    }

    return roles;
}


static ngx_uint_t
ngx_http_sparkjob_match_all(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule)
{
    return 1;
}


static ngx_uint_t
ngx_http_sparkjob_match_user(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule)
{
    return ctx->user.len == rule->user.len
           && ngx_memcmp(ctx->user.data, rule->user.data, rule->user.len) == 0;
}


#if (NGX_PCRE)

/* a request without a user is none of users that an expression is to match */

static ngx_uint_t
ngx_http_sparkjob_match_regex(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule)
{
    ngx_int_t  rc;

    if (ctx->user.len == 0) {
        return 0;
    }

    rc = ngx_regex_exec(rule->regex, &ctx->user, NULL, 0);

    if (rc >= 0) {
        return 1;
    }

    if (rc != NGX_REGEX_NO_MATCHED) {
        ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                      ngx_regex_exec_n " failed: %i on \"%V\" using \"%V\"",
                      rc, &ctx->user, &rule->user);
    }

    return 0;
}

#endif


static ngx_uint_t
ngx_http_sparkjob_match_variable(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_rule_t *rule)
{
    ngx_http_variable_value_t  *v;

    v = ngx_http_get_flushed_variable(ctx->request, rule->variable);

    return v && !v->not_found && v->len
           && !(v->len == 1 && v->data[0] == '0');
}


static ngx_uint_t
ngx_http_sparkjob_role(u_char *p, u_char *last)
{
    size_t      len;
    ngx_uint_t  i;

    len = last - p;

    for (i = 0; ngx_http_sparkjob_roles[i].role; i++) {

        if (ngx_http_sparkjob_roles[i].name.len == len
            && ngx_strncmp(ngx_http_sparkjob_roles[i].name.data, p, len) == 0)
        {
            break;
        }
    }

    return ngx_http_sparkjob_roles[i].role;
}


ngx_str_t *
ngx_http_sparkjob_role_name(ngx_uint_t role)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_sparkjob_roles[i].role != role; i++) {
        /* void */
    }

    return &ngx_http_sparkjob_roles[i].name;
}


static ngx_int_t
ngx_http_sparkjob_deny(ngx_http_sparkjob_ctx_t *ctx, ngx_uint_t role)
{
    u_char      path[NGX_HTTP_SPARKJOB_ROUTE_LEN];
    size_t      len;
    ngx_str_t  *method, *name;

    ctx->denied = role;
    ctx->status = NGX_HTTP_FORBIDDEN;

    method = ngx_http_sparkjob_route_method(ctx->route);
    name = ngx_http_sparkjob_role_name(role);
    len = ngx_http_sparkjob_route_path(path, ctx->route) - path;

    if (ctx->user.len == 0) {
        return ngx_http_sparkjob_problem(ctx, "Without a user nobody may %V "
                                         "%*s: it needs the role '%V'",
                                         method, len, path, name);
    }

    return ngx_http_sparkjob_problem(ctx, "User '%V' may not %V %*s: it needs "
                                     "the role '%V'", &ctx->user, method, len,
                                     path, name);
}
